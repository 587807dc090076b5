/* Confirmed dialogs of this instance: what is needed to end a call from our side, and to route a
 * request of a peer that sends no Route (RFC 2543 peers, and simple ones). Requests that carry our
 * Route don't need it, so nothing is lost when an instance restarts. */
#ifndef TRUNKLINE_DIALOGS_H
#define TRUNKLINE_DIALOGS_H

#include "msg.h"
#include "rr.h"
#include "timer.h"

struct dialogs;

/* `expired` is told of each call that reached its longest duration ("longest") or whose session was
 * not refreshed ("expired"); it is to end it (dialogs_end). */
MUST_CHECK int dialogs_new(struct dialogs **ret, struct timer_wheel *wheel,
                           void (*expired)(void *arg, const char *call, const char *reason),
                           void *arg);
void dialogs_free(struct dialogs *d); /* accepts NULL */

/* A malloc'd copy of a message's Contact URI, or NULL. */
char *dialogs_contact(const struct msg *m);

/* A 2xx to an initial INVITE came. `contact`: the Contact URI of the INVITE, or empty. A repeated
 * 2xx, or no memory, changes nothing. */
void dialogs_confirm(struct dialogs *d, const struct rr *rr, struct span contact,
                     const struct msg *response, int64_t longest_s);

/* The caller's name (identity_display) that its 2xx was reached with: its requests inside the
 * dialog show it, too. */
void dialogs_show(struct dialogs *d, const struct msg *response, struct span display);
/* Empty: none, or the request is not the caller's. Borrowed until the dialog ends. */
struct span dialogs_display(const struct dialogs *d, const struct msg *request);

/* A request inside a dialog went through: its CSeq counts for a BYE of ours. */
void dialogs_seen(struct dialogs *d, const struct msg *request);

enum { DIALOGS_ROUTES = 2048 };

/* Values of Route from us to the sender of a 2xx, by its Record-Route; empty: none, or too long. */
struct span dialogs_routes_to(const struct msg *response, char buf[DIALOGS_ROUTES]);

/* Whether a call is here, but by another dialog than this request's: another 2xx of its INVITE. */
bool dialogs_is_other(const struct dialogs *d, const char *call, const struct msg *request);

enum dialogs_side { DIALOGS_CALLER, DIALOGS_CALLEE, DIALOGS_SIDES };

/* What a request of ours to one side of a call needs. Borrowed until the dialog ends. */
struct dialogs_leg {
    struct rr rr;
    struct span call_id;
    struct span target;   /* Contact URI of that side */
    struct span routes;   /* values of Route, or empty */
    struct span from, to; /* header values, tags included, as the other side would send them */
    uint32_t cseq;        /* the next one */
};
/* ERR_NOT_FOUND: no such call here, or that side gave no Contact. */
MUST_CHECK int dialogs_leg(const struct dialogs *d, const char *call, enum dialogs_side side,
                           struct dialogs_leg *ret);

/* Where the other side of a request's dialog is. Texts are in the request's arena. */
struct dialogs_found {
    struct rr rr;
    struct span target; /* Contact URI of the other side */
    struct span routes; /* whole Route header line to it, or empty */
    struct span next;   /* first of the routes, else target */
};
/* ERR_NOT_FOUND: not a dialog of ours, or its other side gave no Contact. */
MUST_CHECK int dialogs_find(const struct dialogs *d, const struct msg *request,
                            struct dialogs_found *ret);

/* Target refresh (RFC 3261 §12.2): a 2xx to a request inside the dialog came. Its sender is now at
 * the Contact that it names, the requester at `contact` (NULL: as before). */
void dialogs_refresh(struct dialogs *d, const struct msg *response, const char *contact);

/* RFC 4028: a 2xx to INVITE or UPDATE came. Its session ends after so many seconds without another
 * one; 0: it has no such end. */
void dialogs_session(struct dialogs *d, const struct msg *response, int64_t seconds);

/* The bookings of a call, found by the id of any of them. ERR_NOT_FOUND: no such call here. */
MUST_CHECK int dialogs_rr(const struct dialogs *d, const char *call, struct rr *ret);

/* Lets a call last so long in all. False: no such call here, or that time is over. */
bool dialogs_prolong(struct dialogs *d, const char *call, int64_t longest_s);

/* The call is over. Returns for how long it was answered, in ms; -1: no such call here. */
int64_t dialogs_end(struct dialogs *d, const char *call);

size_t dialogs_count(const struct dialogs *d);

#endif
