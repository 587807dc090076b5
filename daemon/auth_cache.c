#include "auth_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "clock.h"
#include "redis_watch.h"

enum { SLOTS = 4096, ACCOUNT_MAX = 33 }; /* accounts that share a slot replace each other */

struct auth_record {
    atomic_int users;
    char account[ACCOUNT_MAX];
    int64_t asked_ms;
    struct redisReply *reply;
};

struct auth_cache {
    struct redis_watch *watch;
    int64_t max_ms;
    pthread_mutex_t mutex; /* what follows */
    uint64_t changes;      /* told so far */
    struct auth_record *slots[SLOTS];
};

int auth_cache_open(struct auth_cache **ret, const struct redis_settings *settings, int64_t max_ms)
{
    struct auth_cache *c = calloc(1, sizeof(*c));
    if (!c)
        return ERR_NOMEM;
    c->max_ms = max_ms;
    pthread_mutex_init(&c->mutex, NULL);
    int err = redis_watch_open(&c->watch, settings, CHANNEL_ACCOUNTS);
    if (err != ERR_OK) {
        auth_cache_close(c);
        return err;
    }
    *ret = c;
    return ERR_OK;
}

void auth_record_drop(struct auth_record *r)
{
    if (!r || atomic_fetch_sub(&r->users, 1) > 1)
        return;
    reply_free(r->reply);
    free(r);
}

static void clear_slot(struct auth_cache *c, size_t i)
{
    auth_record_drop(c->slots[i]);
    c->slots[i] = NULL;
}

void auth_cache_close(struct auth_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        clear_slot(c, i);
    redis_watch_close(c->watch);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

const struct redisReply *auth_record_reply(const struct auth_record *r)
{
    return r->reply;
}

const char *auth_record_account(const struct auth_record *r)
{
    return r->account;
}

int64_t auth_record_age_ms(const struct auth_record *r)
{
    return clock_boot_ms() - r->asked_ms;
}

/* FNV-1a. */
static size_t slot_of(const char *account)
{
    uint32_t hash = 2166136261U;
    for (; *account; account++)
        hash = (hash ^ (unsigned char)*account) * 16777619U;
    return hash % SLOTS;
}

/* redis_watch_fn */
static void on_change(void *arg, const char *account)
{
    struct auth_cache *c = arg;
    pthread_mutex_lock(&c->mutex);
    c->changes++;
    for (size_t i = 0; i < SLOTS && !account; i++)
        clear_slot(c, i);
    if (account)
        clear_slot(c, slot_of(account));
    pthread_mutex_unlock(&c->mutex);
}

void auth_cache_tend(struct auth_cache *c)
{
    if (c->max_ms > 0)
        redis_watch_tend(c->watch, on_change, c);
}

static struct auth_record *find(struct auth_cache *c, const char *account, uint64_t *ret_changes)
{
    pthread_mutex_lock(&c->mutex);
    *ret_changes = c->changes;
    struct auth_record *r = c->slots[slot_of(account)];
    if (r && (strcmp(r->account, account) != 0 || auth_record_age_ms(r) >= c->max_ms))
        r = NULL;
    if (r)
        atomic_fetch_add(&r->users, 1);
    pthread_mutex_unlock(&c->mutex);
    return r;
}

/* Unless something has changed since the question. */
static void keep(struct auth_cache *c, struct auth_record *r, uint64_t changes)
{
    if (!redis_watch_poll(c->watch, on_change, c))
        return;
    pthread_mutex_lock(&c->mutex);
    if (c->changes == changes) {
        size_t i = slot_of(r->account);
        clear_slot(c, i);
        atomic_fetch_add(&r->users, 1);
        c->slots[i] = r;
    }
    pthread_mutex_unlock(&c->mutex);
}

static int ask(struct redis_pool *redis, const char *account, struct auth_record **ret)
{
    struct auth_record *r = calloc(1, sizeof(*r));
    if (!r)
        return ERR_NOMEM;
    atomic_init(&r->users, 1);
    r->asked_ms = clock_boot_ms();
    int err =
        span_copy(span_of(account), r->account, sizeof(r->account))
            ? redis_fcall_ro(redis, &r->reply, "account_auth", key_account(account).text, NULL)
            : ERR_REFUSED;
    if (err != ERR_OK) {
        auth_record_drop(r);
        return err;
    }
    *ret = r;
    return ERR_OK;
}

int auth_cache_get(struct auth_cache *c, struct redis_pool *redis, const char *account, bool kept,
                   struct auth_record **ret)
{
    uint64_t changes = 0;
    kept = kept && c->max_ms > 0 && redis_watch_poll(c->watch, on_change, c);
    *ret = kept ? find(c, account, &changes) : NULL;
    if (*ret)
        return ERR_OK;
    int err = ask(redis, account, ret);
    if (err == ERR_OK && kept)
        keep(c, *ret, changes);
    return err;
}
