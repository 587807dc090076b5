/* Where a call may go: a trunk's own address, a gateway, or a number to forward to. */
#ifndef TRUNKLINE_TARGET_H
#define TRUNKLINE_TARGET_H

#include <assert.h>

#include "admit.h"
#include "health.h"
#include "out.h"
#include "resolve.h"

enum {
    TARGET_USER = 48,
    TARGET_ADDRESSES = RESOLVE_ADDRESSES,
    TARGET_NUMBERS = 3, /* numbers of ours in one call, each forwarding to the next */
    TARGETS = TARGET_NUMBERS * ADMIT_TARGETS + ROUTES_GATEWAYS,
    TARGET_ATTEMPTS = 256,
};
static_assert((int)TARGET_NUMBERS < (int)RR_BOOKINGS, "one more for the caller's trunk");

/* A forward target stands for the gateways that lead to its number. */
struct target {
    bool forward;
    char user[TARGET_USER]; /* digits of the Request-URI */
    char host[DIRECTORY_HOST];
    uint16_t port; /* 0: none given */
    enum protocol protocol;
    char gateway[DIRECTORY_NAME];            /* "" if a trunk's own address */
    struct addr addresses[TARGET_ADDRESSES]; /* in the order to try (RFC 3263 §4.3) */
    size_t n_addresses, next_address;
    char place[ADDR_PORT_TEXT]; /* address and port tried last; before, the host */
    struct flow to;             /* the same */
    size_t n_bookings;          /* so many of the call's bookings led to it */
    bool down;                  /* was found so: it has its turn after all others */
    bool limited;               /* its gateway's places are counted */
    bool placed;                /* it may have one */
};

/* All of one call, in the order to try. */
struct targets {
    struct target *list[TARGETS];
    size_t n, next;
    char attempts[TARGET_ATTEMPTS]; /* for the CDR: "PLACE=CODE" by spaces */
};

/* Its name leads there, from `prefer` if it can be: the first address has its turn, all are
 * watched. */
void target_found(struct target *t, struct core *core, struct listener *prefer,
                  const struct addr *addresses, size_t n);

enum target_turn {
    TARGET_READY, /* t->to and t->place are the next address */
    TARGET_DOWN,  /* it has addresses, but they are all down */
    TARGET_NONE,  /* no address that can be reached is left */
};

/* The turn of the target's next address. Those that are down are passed over, unless t->down says
 * that the target has its turn all the same. */
enum target_turn target_next(struct target *t, struct core *core, struct listener *prefer);

/* An address that had its turn is where the call is: t->place is it. */
void target_settle(struct target *t, size_t address);

/* The Request-URI; t->to is known. */
void target_uri(const struct target *t, struct out *o);

void targets_clear(struct targets *ts);

/* Adds those of an admission, for a number of ours; of a route, for E.164 digits. `n_bookings` is
 * that of each. Without memory there are fewer. */
void targets_add_trunk(struct targets *ts, const struct admit_answer *a, const char *number,
                       size_t n_bookings);
void targets_add_exit(struct targets *ts, struct core *core, const struct routes_exit *exit,
                      const char *e164, size_t n_bookings);

/* The next one, those that are down last. NULL: none is left. */
struct target *targets_next(struct targets *ts);

/* Writes an outcome down for the CDR. */
void targets_note(struct targets *ts, const char *place, int status);

#endif
