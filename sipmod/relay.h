/* One request on its way (RFC 3261 §16.6 to §16.10): forwarded to one target after another until
 * one takes it, responses carried back, CANCEL and timer C. Who the targets are is the user's. */
#ifndef TRUNKLINE_RELAY_H
#define TRUNKLINE_RELAY_H

#include "core.h"

struct relay;

struct relay_target {
    struct flow to;
    struct span request_uri;        /* replaces the Request-URI; empty: as received */
    struct span routes;             /* whole Route header line to put in, or empty */
    struct span diversion, history; /* whole header lines of a call that is forwarded, or empty */
    bool withhold_identity;         /* no P-Asserted-Identity */
    bool withhold_history;          /* neither History-Info nor Diversion */
    struct span display;            /* of identity_display: the caller's name; empty: as received */
    const char *rr_param; /* of rr_text: stay in the dialog by Record-Route; NULL: don't */
    size_t drop_routes;   /* so many topmost Routes are ours */
    bool drop_last_route; /* it became the Request-URI (strict routing, §16.4) */
    bool watch;           /* note its health */
    size_t number;        /* the user's own, told when this target answers */
};

struct relay_events {
    /* A provisional response but 100 was carried back. */
    void (*ringing)(void *user, const struct msg *response);
    /* A 2xx of a target came; of an INVITE possibly several times, and possibly late, of a target
     * that was given up. The others are cancelled, and if they answer all the same ended. True: it
     * is held back, until relay_release. */
    bool (*answered)(void *user, const struct msg *response, size_t number);
    /* The target answered with `status`, or 408 (no response in time) or 503 (can't be reached) on
     * its behalf. True: another target was started with relay_try. Not called once cancelled. */
    bool (*refused)(void *user, int status);
    /* The final response `status`, which is no 2xx, is about to go back. True: it is held back,
     * until relay_release. NULL: never. */
    bool (*failing)(void *user, int status);
    /* It went back. `by_target`: it is a target's own. */
    void (*failed)(void *user, int status, bool by_target);
    /* The relay goes away. */
    void (*ended)(void *user);
};

/* Takes over the server transaction: its user and end. `from`: where the request came from. */
MUST_CHECK int relay_new(struct relay **ret, struct core *core, struct txn_server *server,
                         const struct flow *from, const struct relay_events *events, void *user);

/* The relay that a server transaction belongs to. */
struct relay *relay_of(const struct txn_server *server);
void *relay_user(const struct relay *r);

/* The request, while no final response was sent. */
const struct msg *relay_request(const struct relay *r);

/* Sends the request to a target. One that is too long for UDP goes by TCP, and by UDP after all if
 * nobody takes it there (§18.1.1). ERR_TOO_LARGE, ERR_NOMEM, ERR_INVALID. */
MUST_CHECK int relay_try(struct relay *r, const struct relay_target *target);

/* Answers by ourselves; `lines`: whole header lines or empty. */
void relay_respond(struct relay *r, int status, const char *reason, struct span lines);

/* There is no further target: sends the best response that came, else 487 if cancelled, else
 * `otherwise`. Raises failed. */
void relay_give_up(struct relay *r, int otherwise);

/* What was held back goes on. */
void relay_release(struct relay *r);

/* The 2xx that is held back, and all that follow, never go on: `status` goes back instead. Without
 * ACK the target repeats its 2xx, and is ended then. */
void relay_disown(struct relay *r, int status);

/* Seconds after which the session of a 2xx to the request ends unless refreshed, as the caller gets
 * to know (RFC 4028 §8.2); 0: never. */
int64_t relay_session_s(const struct relay *r, const struct msg *response);

/* CANCEL came for the request. */
void relay_cancel(struct relay *r);
bool relay_is_cancelled(const struct relay *r);

/* Builds the forwarded form of an ACK, which has no relay, into core->bytes. One that is too long
 * for UDP goes by TCP if there is a connection: target->to is set to it. */
MUST_CHECK int relay_build_ack(struct core *core, const struct msg *ack, const struct flow *from,
                               struct relay_target *target, struct span *ret_bytes);

#endif
