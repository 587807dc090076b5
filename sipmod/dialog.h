/* Requests inside a dialog (RFC 3261 §16.12): routed on Route and Request-URI alone. The signed
 * parameter of our Record-Route tells whose call it is, so a BYE ends it on any instance. */
#ifndef TRUNKLINE_DIALOG_H
#define TRUNKLINE_DIALOG_H

#include "core.h"
#include "rr.h"

/* How an in-dialog request goes on. */
struct dialog_route {
    struct rr rr;
    size_t drop_routes;      /* so many topmost Routes are ours */
    bool drop_last_route;    /* strict routing: the last Route becomes the Request-URI */
    struct span request_uri; /* empty: as received */
    struct span routes;      /* Route header line to put in, or empty */
    struct uri next_hop;
    struct listener *listener; /* by which to leave: the one of our last Route, or NULL */
};

/* ERR_OK: the request carries our signed parameter, or without any Route belongs to a dialog that
 * this instance has seen confirmed. ERR_NOT_FOUND: neither. ERR_INVALID: a Route or the Request-URI
 * can't be understood. */
MUST_CHECK int dialog_read(struct core *core, const struct msg *m, struct dialog_route *ret);

/* Forwards a request other than ACK; takes over its new server transaction. */
void dialog_start(struct core *core, struct txn_server *server, const struct flow *from,
                  const struct dialog_route *route);

/* Forwards the ACK of a 2xx, without state; takes the message. */
void dialog_ack(struct core *core, struct msg *msg, const struct flow *from,
                const struct dialog_route *route);

/* Whether the topmost Route names us. */
bool dialog_first_route_is_us(const struct core *core, const struct msg *m);

#endif
