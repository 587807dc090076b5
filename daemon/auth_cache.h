/* What account_auth told about accounts, kept for reads: a read costs no question of its own then.
 * Redis tells of each change (CHANNEL_ACCOUNTS), and that is looked for before each use; while
 * nobody would tell, nothing is kept. */
#ifndef TRUNKLINE_AUTH_CACHE_H
#define TRUNKLINE_AUTH_CACHE_H

#include "keys.h"
#include "redis.h"

struct auth_cache;

/* max_ms: longest life of a copy, whatever is told; 0: none is kept. */
MUST_CHECK int auth_cache_open(struct auth_cache **ret, const struct redis_settings *settings,
                               int64_t max_ms);
void auth_cache_close(struct auth_cache *c); /* accepts NULL */

/* Keeps the connection; every second or so, by one thread. */
void auth_cache_tend(struct auth_cache *c);

/* account_auth's reply, counted: give it back with auth_record_drop. */
struct auth_record;
const struct redisReply *auth_record_reply(const struct auth_record *r);
const char *auth_record_account(const struct auth_record *r);
int64_t auth_record_age_ms(const struct auth_record *r);
void auth_record_drop(struct auth_record *r); /* accepts NULL */

/* Asks Redis, unless `kept` allows a copy and there is one. ERR_REFUSED: no such account; errors of
 * the store. */
MUST_CHECK int auth_cache_get(struct auth_cache *c, struct redis_pool *redis, const char *account,
                              bool kept, struct auth_record **ret);

#endif
