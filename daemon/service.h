/* What every request and job stands on: the Redis pool and the settings that SIGHUP may change. */
#ifndef TRUNKLINE_SERVICE_H
#define TRUNKLINE_SERVICE_H

#include <stdbool.h>

#include "auth_cache.h"
#include "conf.h"
#include "err.h"
#include "kept.h"
#include "limit.h"
#include "redis.h"
#include "saga.h"
#include "tally.h"

typedef __typeof__(((struct conf *)0)->policy) service_policy;

struct service;
struct ops_feed;

MUST_CHECK int service_open(struct service **ret, const struct conf *conf);
void service_close(struct service *s); /* accepts NULL; nobody may use it any more */

/* The settings of the start. */
const struct conf *service_conf(const struct service *s);

struct tally *service_tally(const struct service *s);
struct redis_pool *service_redis(const struct service *s);
/* What is known of tokens; how often each token may ask, and each address fail. */
struct auth_cache *service_auth(const struct service *s);
struct kept *service_kept(const struct service *s);
struct limit *service_token_limit(const struct service *s);
struct limit *service_failure_limit(const struct service *s);
struct ops_feed *service_feed(const struct service *s);
/* Keeps connections that wait for nobody; every second or so, by one thread. */
void service_tend(struct service *s);
/* Name of this process among others of its kind: owner of job locks. */
const char *service_owner(const struct service *s);
/* Seconds without a heartbeat after which a sipmod counts as dead. */
int64_t service_lease_s(const struct service *s);
/* Milliseconds after which a call that was never answered can't be alive any more. */
int64_t service_setup_ms(const struct service *s);

void service_policy_get(struct service *s, service_policy *ret);
void service_policy_set(struct service *s, const service_policy *policy);

/* Whether the schema is loaded; requests get 503 until then. */
bool service_ready(struct service *s);
void service_set_ready(struct service *s, bool ready);

/* Reads the schema's secret, which signs links; before service_set_ready. */
MUST_CHECK int service_load_secret(struct service *s);
/* Gives a schema that has no secret, of a Redis that was emptied, the one that is in use. */
MUST_CHECK int service_keep_secret(struct service *s);
const char *service_secret(const struct service *s); /* "" until it is read */

/* What a saga of an account needs. */
struct saga service_saga(const service_policy *policy, struct redis_pool *redis,
                         struct scratch *mem, const char *account);

#endif
