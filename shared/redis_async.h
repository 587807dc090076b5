/* Redis on a libuv loop: pipelined commands with deadlines, reconnect with back-off, channels. */
#ifndef TRUNKLINE_REDIS_ASYNC_H
#define TRUNKLINE_REDIS_ASYNC_H

#include <uv.h>

#include "redis.h"

struct redis_async;

/* Called once a command: with its reply and ERR_OK, or with NULL and ERR_TIMEOUT (deadline passed;
 * a late reply is dropped) or ERR_UNAVAILABLE (the link broke before the reply). After either
 * failure the command may still have been applied. */
typedef void redis_async_fn(void *arg, const struct redisReply *reply, int err);

/* Called at each change: up (connected, authenticated) or down. */
typedef void redis_async_state_fn(void *arg, bool up);

/* Called for each message on a channel that was subscribed to. */
typedef void redis_async_message_fn(void *arg, struct span channel, struct span message);

/* Starts to connect; settings are copied. `settings->connections` is not used;
 * `observe` hears of each command's time from sending to reply. */
MUST_CHECK int redis_async_open(struct redis_async **ret, uv_loop_t *loop,
                                const struct redis_settings *settings, redis_async_state_fn *state,
                                void *arg);

/* Fails all waiting commands with ERR_UNAVAILABLE, then frees on the loop. Accepts NULL. */
void redis_async_close(struct redis_async *r);

bool redis_async_is_up(const struct redis_async *r);

/* The socket that replies come on, to wait for outside of the loop; -1: none now. */
int redis_async_fd(const struct redis_async *r);

/* Sends at the end of the loop's turn, in order. ERR_UNAVAILABLE at once, without calling fn, while
 * the link is down or more than 100,000 commands wait. fn may be NULL. With within_ms it may wait
 * that long for a command to go with: all of one write cost the server one fsync. */
MUST_CHECK int redis_async_send(struct redis_async *r, unsigned within_ms, redis_async_fn *fn,
                                void *arg, size_t argc, const char *const argv[],
                                const size_t lens[]);

/* Subscribes now and after each reconnect. Such a connection takes no other command.
 * `state` of redis_async_open is called up only once the subscription is confirmed. */
MUST_CHECK int redis_async_subscribe(struct redis_async *r, const char *channel,
                                     redis_async_message_fn *fn, void *arg);

#endif
