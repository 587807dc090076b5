/* The link to Redis: connects, checks the schema, keeps this instance's heartbeat, and calls
 * functions. Never blocks. */
#ifndef TRUNKLINE_STORE_H
#define TRUNKLINE_STORE_H

#include <uv.h>

#include "conf.h"
#include "mac.h"
#include "redis_async.h"

enum { STORE_ARGS = 26, STORE_NODE = 80, STORE_BOOT = 17 };

struct store;

struct store_events {
    /* The link is up and the schema is right: what must come before anything else is sent now; then
     * store_register. Called again now and then until that is done. */
    void (*linked)(void *arg);
    /* This start is registered, and calls may come; or the link went down. */
    void (*up)(void *arg, bool up);
    /* A source address or a gateway changed. Empty name: changes may have been missed. */
    void (*source_changed)(void *arg, struct span address);
    void (*gateway_changed)(void *arg, struct span name);
    /* An operator ends this call. */
    void (*kill)(void *arg, struct span call);
    void *arg;
};

/* `address`: where this instance listens, for the heartbeat. `observe` hears of each command. */
MUST_CHECK int store_open(struct store **ret, uv_loop_t *loop, const struct conf *conf,
                          const char *address, const struct store_events *events,
                          redis_observe_fn *observe, void *observe_arg);
void store_close(struct store *s); /* accepts NULL */

/* Makes this start the node's latest and sends the first heartbeat. From here on Redis takes
 * earlier starts of the node for dead. */
void store_register(struct store *s);

bool store_is_up(const struct store *s);

/* The socket that replies come on (redis_async_fd). */
int store_fd(const struct store *s);
int64_t store_schema(const struct store *s); /* version that Redis held last; 0: not known */
const char *store_node(const struct store *s);
const char *store_boot(const struct store *s);
const struct mac_key *store_mac_key(const struct store *s); /* of its secret; NULL until first up */

uint64_t store_now(const struct store *s); /* ms of the loop's clock */

/* What Redis TIME is now, unix ms, as the latest heartbeats tell; 0: not known. A command carries
 * it where its age in Redis's hands counts: a server that stands still takes commands late. */
int64_t store_redis_ms(const struct store *s);

/* FCALL of one key. `args` up to STORE_ARGS texts. Result as redis_async_send. */
MUST_CHECK int store_call(struct store *s, redis_async_fn *fn, void *arg, const char *function,
                          const char *key, size_t n_args, const char *const args[]);

/* The same for what nobody has to route by: it may wait 2 ms for other commands, with which it
 * costs Redis less. */
MUST_CHECK int store_report(struct store *s, redis_async_fn *fn, void *arg, const char *function,
                            const char *key, size_t n_args, const char *const args[]);

/* FCALL_RO: of a function that only reads. */
MUST_CHECK int store_ask(struct store *s, redis_async_fn *fn, void *arg, const char *function,
                         const char *key, size_t n_args, const char *const args[]);

/* store_report of arguments with any bytes; lens[i]: bytes of args[i]. */
MUST_CHECK int store_report_bytes(struct store *s, redis_async_fn *fn, void *arg,
                                  const char *function, const char *key, size_t n_args,
                                  const char *const args[], const size_t lens[]);

/* Messages of a channel from now on, and after each loss of the link again. */
MUST_CHECK int store_listen(struct store *s, const char *channel, redis_async_message_fn *fn,
                            void *arg);

/* SMEMBERS of an index set; the reply is a plain array. */
MUST_CHECK int store_members(struct store *s, redis_async_fn *fn, void *arg, const char *key);

#endif
