/* Questions of routing, asked in Redis: whose number is this, which gateways lead to that one.
 * Owners of numbers and the decks of accounts are cached; admission checks the truth, so a stale
 * entry costs one more question and never a wrong call. */
#ifndef TRUNKLINE_ROUTES_H
#define TRUNKLINE_ROUTES_H

#include "directory.h"
#include "store.h"

enum { ROUTES_GATEWAYS = 8 };

struct routes;

MUST_CHECK int routes_new(struct routes **ret, struct store *store);
void routes_free(struct routes *r); /* accepts NULL; no question may be under way */

/* ERR_OK: account is set, `cached` if it came from memory. ERR_NOT_FOUND: nobody's number.
 * Other errors: Redis did not say. */
typedef void routes_owner_fn(void *arg, int err, const char *account, bool cached);

/* May call fn before it returns. */
void routes_owner(struct routes *r, const char *number, bool use_cache, routes_owner_fn *fn,
                  void *arg);

struct routes_exit {
    size_t n;
    char gateways[ROUTES_GATEWAYS][DIRECTORY_NAME]; /* in order of preference */
    bool rated;                                     /* the deck has a price for this number */
    char rate[24], increment[12], minimum[12];      /* for call_admit */
};

/* ERR_OK: exit is set. ERR_NOT_FOUND: no route; it has the price alone. Other errors: Redis did not
 * say. */
typedef void routes_exit_fn(void *arg, int err, const struct routes_exit *exit);

/* Gateways for an E.164 number in the account's deck. May call fn before it returns. */
void routes_exit(struct routes *r, const char *account, const char *e164, routes_exit_fn *fn,
                 void *arg);

/* Forgets what was learnt: the link to Redis broke. */
void routes_forget(struct routes *r);

#endif
