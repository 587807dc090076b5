/* Where a call may go: a trunk's own address, a gateway, or a number to forward to. */
#ifndef TRUNKLINE_TARGET_H
#define TRUNKLINE_TARGET_H

#include "admit.h"
#include "health.h"
#include "out.h"
#include "resolve.h"

enum { TARGET_USER = 48, TARGET_ADDRESSES = RESOLVE_ADDRESSES };

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
    bool forwarded;             /* another number than the one called */
    bool down;                  /* was found so: it has its turn after all others */
    bool limited;               /* its gateway's places are counted */
    bool placed;                /* it may have one */
};

void target_to_trunk(struct target *t, const struct admit_target *a, const char *number);

/* Digits cut off the number, a prefix put before. */
void target_to_gateway(struct target *t, const struct gateway *g, const char *e164);

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

/* Moves targets that are down behind those that aren't. */
void target_down_last(struct target *rest, size_t n);

#endif
