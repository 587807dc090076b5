/* Blocking Redis client: a few connections that threads share. Reconnects by itself. */
#ifndef TRUNKLINE_REDIS_H
#define TRUNKLINE_REDIS_H

#include <stdint.h>

#include "err.h"
#include "reply.h"
#include "span.h"

/* Called with each round trip's time (ERR_OK), or with why there was no reply. On any thread. */
typedef void redis_observe_fn(void *arg, int64_t us, int err);

struct redis_settings {
    const char *address; /* "HOST:PORT" or "unix:PATH"; all texts borrowed until _open returns */
    const char *user;    /* "" or NULL: default user */
    const char *password;
    int64_t timeout_ms; /* connect, and longest silence before or within a reply */
    unsigned connections;
    redis_observe_fn *observe; /* NULL: nobody does */
    void *observe_arg;
};

struct redis_pool;

/* Opens no connection yet. */
MUST_CHECK int redis_open(struct redis_pool **ret, const struct redis_settings *settings);
void redis_close(struct redis_pool *p); /* accepts NULL; no call may be under way */

/* A command under construction: a growing argument list that owns its copies. Start with
 * `struct cmd c = {0}`, end with cmd_free. A failed allocation is remembered and reported by the
 * call that sends it. */
struct cmd {
    char **argv;
    size_t *lens;
    size_t n, cap;
    int failed;
};
void cmd_text(struct cmd *c, const char *text); /* NULL counts as "" */
void cmd_span(struct cmd *c, struct span s);
void cmd_int(struct cmd *c, int64_t v);
void cmd_free(struct cmd *c);
/* "FCALL name 1 key"; cmd_fcall_ro the same for a read. */
void cmd_fcall(struct cmd *c, const char *function, const char *key);
void cmd_fcall_ro(struct cmd *c, const char *function, const char *key);

/* Sends one command and waits. *ret is set whenever a reply came, even when the result is
 * ERR_REFUSED, else NULL; free it with reply_free. Results as reply_check. A command that failed
 * before it was written is sent once more on a new connection; one that may have been applied is
 * not (ERR_TIMEOUT or ERR_UNAVAILABLE): the caller repeats it if it is idempotent. */
MUST_CHECK int redis_send(struct redis_pool *p, const struct cmd *c, struct redisReply **ret);

/* As redis_send, for commands that are no functions: no reply_check, any reply type. */
MUST_CHECK int redis_raw(struct redis_pool *p, const struct cmd *c, struct redisReply **ret);

/* Sends n commands in one write and reads n replies; all of ret[] are set, or all are NULL. No
 * reply_check. */
MUST_CHECK int redis_pipeline(struct redis_pool *p, const struct cmd *cmds, size_t n,
                              struct redisReply **ret);

/* FCALL (or FCALL_RO) with one key and text arguments up to NULL. */
MUST_CHECK int redis_fcall(struct redis_pool *p, struct redisReply **ret, const char *function,
                           const char *key, ... /* const char *, NULL */) __attribute__((sentinel));
MUST_CHECK int redis_fcall_ro(struct redis_pool *p, struct redisReply **ret, const char *function,
                              const char *key, ... /* const char *, NULL */)
    __attribute__((sentinel));

/* Plain replies (redis_raw, redis_pipeline), any type: */
const char *raw_text(const struct redisReply *r); /* bulk, status or error text; "" otherwise */
struct span raw_span(const struct redisReply *r); /* bulk with any bytes; empty otherwise */
int64_t raw_int(const struct redisReply *r, int64_t otherwise);
size_t raw_count(const struct redisReply *r); /* elements of an array, else 0 */
const struct redisReply *raw_at(const struct redisReply *r, size_t i); /* NULL past the end */
bool raw_is_error(const struct redisReply *r);                         /* an error reply, or NULL */
bool raw_is_nil(const struct redisReply *r);

#endif
