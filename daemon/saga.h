/* Work across slots as idempotent steps (KEYS.md): run by the request that starts it, and resumed
 * by the background job after a crash. Several runs of one saga at once do no harm. */
#ifndef TRUNKLINE_SAGA_H
#define TRUNKLINE_SAGA_H

#include <stdint.h>

#include "err.h"
#include "redis.h"
#include "scratch.h"
#include "stock.h"

enum saga_result {
    SAGA_DONE,
    SAGA_UNKNOWN,      /* no such order */
    SAGA_CANCELLED,    /* the order was cancelled or has expired, or its numbers are gone */
    SAGA_INSUFFICIENT, /* the balance does not cover the amount; the order stays open */
};

struct saga {
    struct redis_pool *redis;
    struct scratch *mem;
    const char *account;
    int64_t hold_ms;       /* life of an order's hold */
    int64_t quarantine_ms; /* rest of a cancelled number */
};

/* Pays an order and puts its numbers into service. */
MUST_CHECK int saga_order(const struct saga *s, const char *order, enum saga_result *ret);

/* Cancels an order that is not paid and frees its numbers. ERR_REFUSED: *ret_word says why
 * (notfound, processed); it is static. */
MUST_CHECK int saga_order_cancel(const struct saga *s, const char *order, const char **ret_word);

/* Takes a cancelled number out of routing and lets it rest. */
MUST_CHECK int saga_cancel(const struct saga *s, const char *number);

/* For sagas in files of their own: routes numbers to a trunk of the account, and ends a saga. A
 * number that is another account's is ERR_PROTOCOL. */
MUST_CHECK int saga_assign(const struct saga *s, const struct stock *stock, const char *tg);
MUST_CHECK int saga_done(const struct saga *s, const char *kind, const char *id);

/* Goes on with a saga by its name in {a:ACCT}:sagas. ERR_INVALID: no such kind. */
MUST_CHECK int saga_resume(const struct saga *s, const char *name);

#endif
