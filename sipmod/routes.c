#include "routes.h"

#include <stdlib.h>
#include <uthash.h>

#include "keys.h"
#include "log.h"
#include "lot.h"
#include "text.h"

enum {
    OWNERS_MAX = 1000000, /* entries, about 100 bytes each; full: start over */
    DECKS_MAX = 100000,
    DECK_FRESH_MS = 5000,
    NUMBER = 16,
    CANDIDATES = 64, /* gateways of one route entry */
};

struct owner {
    UT_hash_handle hh;
    char number[NUMBER];
    char account[DIRECTORY_ID];
};

struct deck {
    UT_hash_handle hh;
    char account[DIRECTORY_ID];
    char name[DIRECTORY_NAME];
    uint64_t read_ms;
};

struct routes {
    struct store *store;
    struct owner *owners;
    struct deck *decks;
};

struct owner_question {
    struct routes *routes;
    routes_owner_fn *fn;
    void *arg;
    char number[NUMBER];
};

struct exit_question {
    struct routes *routes;
    routes_exit_fn *fn;
    void *arg;
    char account[DIRECTORY_ID];
    char e164[PHONE_E164_MAX + 1];
};

int routes_new(struct routes **ret, struct store *store)
{
    struct routes *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->store = store;
    *ret = r;
    return ERR_OK;
}

static void forget_owners(struct routes *r)
{
    struct owner *o, *next;
    HASH_ITER(hh, r->owners, o, next)
    {
        HASH_DEL(r->owners, o);
        free(o);
    }
}

static void forget_decks(struct routes *r)
{
    struct deck *d, *next;
    HASH_ITER(hh, r->decks, d, next)
    {
        HASH_DEL(r->decks, d);
        free(d);
    }
}

void routes_forget(struct routes *r)
{
    forget_owners(r);
    forget_decks(r);
}

void routes_free(struct routes *r)
{
    if (!r)
        return;
    routes_forget(r);
    free(r);
}

/* ---- owners ---- */

static void learn_owner(struct routes *r, const char *number, const char *account)
{
    struct owner *o;
    HASH_FIND_STR(r->owners, number, o);
    if (!o) {
        if (HASH_COUNT(r->owners) >= OWNERS_MAX)
            forget_owners(r);
        o = calloc(1, sizeof *o);
        if (!o)
            return;
        text_set(o->number, sizeof o->number, number);
        HASH_ADD_STR(r->owners, number, o);
    }
    text_set(o->account, sizeof o->account, account);
}

static void unlearn_owner(struct routes *r, const char *number)
{
    struct owner *o;
    HASH_FIND_STR(r->owners, number, o);
    if (o) {
        HASH_DEL(r->owners, o);
        free(o);
    }
}

static void on_owner(void *arg, const struct redisReply *reply, int err)
{
    struct owner_question *q = arg;
    int result = err == ERR_OK ? reply_check(reply) : err;
    if (result == ERR_OK)
        learn_owner(q->routes, q->number, reply_text(reply, 1));
    else if (result == ERR_REFUSED)
        unlearn_owner(q->routes, q->number);
    q->fn(q->arg, result == ERR_REFUSED ? ERR_NOT_FOUND : result,
          result == ERR_OK ? reply_text(reply, 1) : "", false);
    free(q);
}

void routes_owner(struct routes *r, const char *number, bool use_cache, routes_owner_fn *fn,
                  void *arg)
{
    struct owner *o = NULL;
    if (use_cache)
        HASH_FIND_STR(r->owners, number, o);
    if (o) {
        fn(arg, ERR_OK, o->account, true);
        return;
    }
    struct owner_question *q = calloc(1, sizeof *q);
    int err = q ? ERR_OK : ERR_NOMEM;
    if (q) {
        *q = (struct owner_question){.routes = r, .fn = fn, .arg = arg};
        text_set(q->number, sizeof q->number, number);
        err = store_ask(r->store, on_owner, q, "did_route", key_did(number).text, 0, NULL);
    }
    if (err != ERR_OK) {
        free(q);
        fn(arg, err, "", false);
    }
}

/* ---- exits ---- */

/* "ok" and a route prefix, or "noroute"; rate prefix, rate, increment, minimum; then gateways. */
static void read_exit(const struct redisReply *reply, bool routed, struct routes_exit *ret)
{
    struct lot lots[CANDIDATES];
    size_t n = 0, at = routed ? 3 : 2;
    *ret = (struct routes_exit){0};
    text_set(ret->rate, sizeof ret->rate, reply_text(reply, at));
    text_set(ret->increment, sizeof ret->increment, reply_text(reply, at + 1));
    text_set(ret->minimum, sizeof ret->minimum, reply_text(reply, at + 2));
    ret->rated = ret->rate[0] != '\0';
    for (size_t i = at + 3; i + 2 < reply_count(reply) && n < CANDIDATES; i += 3) {
        int64_t weight = reply_int(reply, i + 2, 1);
        lots[n++] = (struct lot){i, reply_int(reply, i + 1, 1), weight > 0 ? weight : 1};
    }
    lot_order(lots, n);
    for (size_t i = 0; i < n && ret->n < ROUTES_GATEWAYS; i++)
        text_set(ret->gateways[ret->n++], DIRECTORY_NAME, reply_text(reply, lots[i].index));
}

static void answer_exit(struct exit_question *q, int err, const struct routes_exit *exit)
{
    q->fn(q->arg, err, exit);
    free(q);
}

static void on_exit_route(void *arg, const struct redisReply *reply, int err)
{
    struct exit_question *q = arg;
    struct routes_exit exit = {0};
    int result = err == ERR_OK ? reply_check(reply) : err;
    if (result == ERR_OK || result == ERR_REFUSED)
        read_exit(reply, result == ERR_OK, &exit);
    answer_exit(q, result == ERR_REFUSED ? ERR_NOT_FOUND : result, &exit);
}

static void ask_deck(struct exit_question *q, const char *deck)
{
    const char *args[] = {q->e164};
    int err =
        store_ask(q->routes->store, on_exit_route, q, "lcr_route", key_deck(deck).text, 1, args);
    if (err != ERR_OK)
        answer_exit(q, err, &(struct routes_exit){0});
}

static struct deck *learn_deck(struct routes *r, const char *account, const char *name)
{
    struct deck *d;
    HASH_FIND_STR(r->decks, account, d);
    if (!d) {
        if (HASH_COUNT(r->decks) >= DECKS_MAX)
            forget_decks(r);
        d = calloc(1, sizeof *d);
        if (!d)
            return NULL;
        text_set(d->account, sizeof d->account, account);
        HASH_ADD_STR(r->decks, account, d);
    }
    text_set(d->name, sizeof d->name, name);
    d->read_ms = store_now(r->store);
    return d;
}

static void on_account(void *arg, const struct redisReply *reply, int err)
{
    struct exit_question *q = arg;
    int result = err == ERR_OK ? reply_check(reply) : err;
    struct deck *d = NULL;
    if (result == ERR_OK) {
        d = learn_deck(q->routes, q->account, reply_field(reply, 1, "deck"));
        result = d ? ERR_OK : ERR_NOMEM;
    }
    if (result != ERR_OK)
        answer_exit(q, result == ERR_REFUSED ? ERR_NOT_FOUND : result, &(struct routes_exit){0});
    else
        ask_deck(q, d->name);
}

void routes_exit(struct routes *r, const char *account, const char *e164, routes_exit_fn *fn,
                 void *arg)
{
    struct deck *d;
    struct exit_question *q = calloc(1, sizeof *q);
    if (!q) {
        fn(arg, ERR_NOMEM, &(struct routes_exit){0});
        return;
    }
    *q = (struct exit_question){.routes = r, .fn = fn, .arg = arg};
    text_set(q->account, sizeof q->account, account);
    text_set(q->e164, sizeof q->e164, e164);
    HASH_FIND_STR(r->decks, account, d);
    if (d && store_now(r->store) - d->read_ms < DECK_FRESH_MS) {
        ask_deck(q, d->name);
        return;
    }
    int err = store_ask(r->store, on_account, q, "account_get", key_account(account).text, 0, NULL);
    if (err != ERR_OK)
        answer_exit(q, err, &(struct routes_exit){0});
}
