/* Private to redis_async.c: one connection to Redis on a libuv loop, from connect to close. Knows
 * bytes and replies, not who waits for them. */
#ifndef TRUNKLINE_REDIS_LINK_H
#define TRUNKLINE_REDIS_LINK_H

#include <uv.h>

#include "redis_target.h"

struct redis_link;

/* None is called from within redis_link_open, nor after redis_link_close. */
struct redis_link_events {
    void (*connected)(void *arg);
    void (*reply)(void *arg, const struct redisReply *reply);
    void (*lost)(void *arg, const char *why); /* called once; the owner closes the link */
};

/* Starts to connect. Of several addresses of a host name takes the one number `attempt`, modulo
 * their count. `target` is borrowed until the link is closed. */
MUST_CHECK int redis_link_open(struct redis_link **ret, uv_loop_t *loop,
                               const struct redis_target *target, unsigned attempt,
                               const struct redis_link_events *events, void *arg);

/* Queues one command, written at the end of the loop's turn or, with within_ms, when that time is
 * over or another command is written before. lens may be NULL for texts. */
MUST_CHECK int redis_link_write(struct redis_link *link, unsigned within_ms, size_t argc,
                                const char *const argv[], const size_t lens[]);

/* The socket that replies come on; -1: none. */
int redis_link_fd(const struct redis_link *link);

/* Loop time (uv_now) of the last byte that came in. */
uint64_t redis_link_heard_ms(const struct redis_link *link);

/* Closes at once and frees on the loop. Accepts NULL. */
void redis_link_close(struct redis_link *link);

#endif
