/* A call as accounts know it. A booking is one account's record of it in Redis: admitted, answered
 * and ended by itself, with a CDR of its own. A call has one; on-net it has one for the caller's
 * trunk and one for each number of ours that it is led to. */
#ifndef TRUNKLINE_BOOKING_H
#define TRUNKLINE_BOOKING_H

#include "admit.h"
#include "phone.h"

/* Upstream of a booking whose other side is ours, too. */
#define BOOKING_ONNET "on-net"

struct booking {
    struct rr_booking id;
    bool outbound;                   /* termination: the caller's */
    bool onnet;                      /* outbound: to a number of ours */
    bool cached;                     /* the account came from a cache */
    char number[PHONE_E164_MAX + 1]; /* ours, or if outbound the dialled E.164 digits */
    char tg[DIRECTORY_ID];           /* outbound */
    char upstream[DIRECTORY_NAME];   /* carrier, or BOOKING_ONNET */
    int diverted;                    /* SIP status for which the call went on from it; 0: none */
    size_t attempts_from;            /* attempts before are of others */
    bool admitted;                   /* Redis may hold a slot for it */
    bool ended;
    int64_t longest_s;     /* once admitted */
    char name[ADMIT_NAME]; /* outbound, once admitted: the caller's, to be shown; or empty */
};

/* Asks for its admission. `exit`: price of an outbound one. As admit_ask; fn is to tell of the
 * outcome by booking_admitted. */
MUST_CHECK int booking_ask(struct core *core, const struct booking *b, const struct msg *invite,
                           const struct addr *origin, const struct routes_exit *exit, admit_fn *fn,
                           void *arg);
void booking_admitted(struct booking *b, const struct admit_answer *answer);

/* As outbox_answer. */
void booking_answer(struct core *core, const struct booking *b, const struct outbox_event *event,
                    outbox_done_fn *done, void *arg);

/* Ends it, once; nothing if Redis holds no slot. */
void booking_finish(struct core *core, struct booking *b, const struct outbox_event *event);

#endif
