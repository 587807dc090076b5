/* What the parts of a call share: call.c finds out whose it is, call_try.c tries its targets,
 * call_end.c answers and ends it. */
#ifndef TRUNKLINE_CALL_PRIV_H
#define TRUNKLINE_CALL_PRIV_H

#include "booking.h"
#include "call.h"
#include "relay.h"
#include "target.h"

struct call {
    struct core *core;
    struct relay *relay;
    struct flow from;
    struct addr origin; /* the caller's */
    bool answered, ended;
    bool full; /* a gateway had no place */
    bool held; /* the 2xx waits until Redis or the disk knows of all answers */
    bool gone; /* Redis says that a booking was closed before its answer */
    char id[RR_CALL_ID + 1];
    uint32_t caller;         /* hash of the From tag */
    char callee[RR_ACCOUNT]; /* on-net: whose number was dialled */
    struct booking bookings[RR_BOOKINGS];
    size_t n_bookings;
    size_t unstamped;        /* bookings of whose answer neither Redis nor the disk knows yet */
    struct routes_exit exit; /* outbound: how it leaves and at which price */
    struct targets targets;
    const struct target *current; /* tried last, or the one that answered; NULL: none yet */
    int64_t invited, rang;        /* clock_boot_ms */
    uint64_t mark;                /* of the INVITE (capture_mark) */
    char *contact;                /* the caller's Contact URI, or NULL */
};

/* ---- call.c ---- */

/* A target that forwards has its turn: to a number of ours, or by the gateways that lead there. */
void call_forward_on(struct call *c, const struct target *t);

/* ---- call_try.c ---- */

/* Starts on the next target; without one the call fails with the best response. */
void call_try_next(struct call *c);

/* The target whose turn it is. */
struct target *call_trying(struct call *c);

/* RFC 3263 §4.3: the other addresses of a name come before the next target; the place at its
 * gateway stays taken. False: none is left. */
bool call_try_next_address(struct call *c);

/* A target took the call, by the number that the relay has for it and its address. */
const struct target *call_settle(struct call *c, size_t number);

/* Whether the call still wants its next target, after a wait; ends a cancelled one. */
bool call_wants_target(struct call *c);

/* What goes with the dialog when a target takes the call. */
struct rr call_rr(const struct call *c, const struct target *t);

enum { CALL_DISPLAY = 2 * ADMIT_NAME + 4 };

/* What stands before the caller's URI in From, written into `text`; empty: what came. */
struct span call_display(const struct call *c, struct out *text);

/* Whether another target has its turn after this status: after no answer and server failures. */
bool call_is_retried(int status);

/* ---- call_end.c ---- */

extern const struct relay_events call_relay_events;

struct booking *call_add_booking(struct call *c, const char *account, const char *number,
                                 const char *upstream);
struct booking *call_last_booking(struct call *c);
/* Of the account that a target belongs to. */
const struct booking *call_booking_of(const struct call *c, const struct target *t);
/* Index of the first booking of a number of ours. */
size_t call_first_number(const struct call *c);
/* The longest duration that the first n bookings allow. */
int64_t call_longest(const struct call *c, size_t n);

/* Ends the bookings from `first` on. */
void call_end_bookings(struct call *c, size_t first, int code, const char *reason, const char *by);

/* Gives back a target's place at its gateway, if it has one. */
void call_drop_place(struct call *c, struct target *t);

/* Answers by ourselves and ends the call; a cancelled one by 487. */
void call_respond(struct call *c, int status, struct span lines, const char *reason,
                  const char *by);
void call_refuse(struct call *c, int status, const char *reason, const char *text,
                 int64_t retry_after_s);
void call_refuse_unavailable(struct call *c, const char *text);

#endif
