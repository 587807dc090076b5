#include "service.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "ops_feed.h"
#include "secret.h"

enum { TOKENS_KNOWN = 16384, FAILURES_KNOWN = 65536 };
enum { SECRET_MAX = 129, OWNER_BYTES = 8, SETUP_MARGIN_S = 60, HOUR_MS = 3600000 };

struct service {
    struct tally *tally;
    struct redis_pool *redis;
    struct auth_cache *auth;
    struct kept *kept;
    struct limit *tokens, *failures;
    struct ops_feed *feed;
    pthread_mutex_t lock; /* policy */
    service_policy policy;
    int64_t lease_s, timer_c_s;
    struct conf conf; /* of the start */
    char secret[SECRET_MAX];
    atomic_bool ready;
    char owner[2 * OWNER_BYTES + 1];
};

int service_open(struct service **ret, const struct conf *conf)
{
    struct service *s = calloc(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    pthread_mutex_init(&s->lock, NULL);
    s->conf = *conf;
    conf = &s->conf;
    s->policy = conf->policy;
    s->lease_s = conf->sip.lease_s;
    s->timer_c_s = conf->sip.timer_c_s;
    struct redis_settings settings = {
        .address = conf->redis.address,
        .user = conf->redis.user,
        .password = conf->redis.password,
        .timeout_ms = conf->redis.timeout_ms,
        .connections = (unsigned)conf->redis.pool,
        .observe = tally_redis,
    };
    int err = secret_random_hex(OWNER_BYTES, s->owner);
    if (err == ERR_OK)
        err = tally_new(&s->tally, conf);
    settings.observe_arg = s->tally;
    if (err == ERR_OK)
        err = redis_open(&s->redis, &settings);
    if (err == ERR_OK)
        err = auth_cache_open(&s->auth, &settings, conf->http.auth_cache_ms);
    if (err == ERR_OK)
        err = kept_open(&s->kept, s->redis);
    if (err == ERR_OK)
        err = limit_open(&s->tokens, TOKENS_KNOWN);
    if (err == ERR_OK)
        err = limit_open(&s->failures, FAILURES_KNOWN);
    if (err == ERR_OK)
        err = ops_feed_open(&s->feed, s, &settings);
    if (err != ERR_OK) {
        service_close(s);
        return err;
    }
    *ret = s;
    return ERR_OK;
}

void service_close(struct service *s)
{
    if (!s)
        return;
    ops_feed_close(s->feed);
    kept_close(s->kept);
    auth_cache_close(s->auth);
    limit_close(s->tokens);
    limit_close(s->failures);
    redis_close(s->redis);
    tally_free(s->tally);
    explicit_bzero(s->secret, sizeof(s->secret));
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const struct conf *service_conf(const struct service *s)
{
    return &s->conf;
}

int service_load_secret(struct service *s)
{
    struct cmd c = {0};
    struct redisReply *r = NULL;
    cmd_text(&c, "HGET");
    cmd_text(&c, KEY_SCHEMA);
    cmd_text(&c, "secret");
    int err = redis_raw(s->redis, &c, &r);
    if (err == ERR_OK && (!raw_span(r).n || !span_copy(raw_span(r), s->secret, sizeof(s->secret))))
        err = ERR_PROTOCOL;
    cmd_free(&c);
    reply_free(r);
    return err;
}

int service_keep_secret(struct service *s)
{
    struct cmd c = {0};
    struct redisReply *r = NULL;
    cmd_text(&c, "HSETNX");
    cmd_text(&c, KEY_SCHEMA);
    cmd_text(&c, "secret");
    cmd_text(&c, s->secret);
    int err = redis_raw(s->redis, &c, &r);
    if (err == ERR_OK && raw_is_error(r))
        err = ERR_PROTOCOL;
    cmd_free(&c);
    reply_free(r);
    return err;
}

const char *service_secret(const struct service *s)
{
    return s->secret;
}

struct tally *service_tally(const struct service *s)
{
    return s->tally;
}

struct redis_pool *service_redis(const struct service *s)
{
    return s->redis;
}

struct auth_cache *service_auth(const struct service *s)
{
    return s->auth;
}

struct kept *service_kept(const struct service *s)
{
    return s->kept;
}

struct limit *service_token_limit(const struct service *s)
{
    return s->tokens;
}

struct limit *service_failure_limit(const struct service *s)
{
    return s->failures;
}

struct ops_feed *service_feed(const struct service *s)
{
    return s->feed;
}

void service_tend(struct service *s)
{
    auth_cache_tend(s->auth);
}

const char *service_owner(const struct service *s)
{
    return s->owner;
}

int64_t service_lease_s(const struct service *s)
{
    return s->lease_s;
}

int64_t service_setup_ms(const struct service *s)
{
    return (s->timer_c_s + SETUP_MARGIN_S) * 1000;
}

void service_policy_get(struct service *s, service_policy *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->policy;
    pthread_mutex_unlock(&s->lock);
}

void service_policy_set(struct service *s, const service_policy *policy)
{
    pthread_mutex_lock(&s->lock);
    s->policy = *policy;
    pthread_mutex_unlock(&s->lock);
    kept_clear(s->kept);
}

bool service_ready(struct service *s)
{
    return atomic_load(&s->ready);
}

void service_set_ready(struct service *s, bool ready)
{
    atomic_store(&s->ready, ready);
}

struct saga service_saga(const service_policy *policy, struct redis_pool *redis,
                         struct scratch *mem, const char *account)
{
    return (struct saga){
        .redis = redis,
        .mem = mem,
        .account = account,
        .hold_ms = policy->order_hold_hours * HOUR_MS,
        .quarantine_ms = policy->quarantine_days * 24 * HOUR_MS,
    };
}
