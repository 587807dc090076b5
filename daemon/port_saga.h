/* The saga of a port-in order (KEYS.md): claims, the switch at the FOC time, the end. */
#ifndef TRUNKLINE_PORT_SAGA_H
#define TRUNKLINE_PORT_SAGA_H

#include "saga.h"

/* Claims a number for an order for so long (0: for good); or drops the claim.
 * ERR_REFUSED: another order's. */
MUST_CHECK int port_saga_claim(const struct saga *s, const char *number, const char *order,
                               int64_t ms);
MUST_CHECK int port_saga_drop(const struct saga *s, const char *number, const char *order);

/* Goes on from the step that the order is at. */
MUST_CHECK int port_saga_resume(const struct saga *s, const char *order);

enum port_switch {
    PORT_SWITCHED, /* or it was before */
    PORT_EARLY,
    PORT_NO_FOC,     /* no such order, or it has no FOC */
    PORT_IN_SERVICE, /* a number is in service here: the order is an EXCEPTION now */
};

/* The order's numbers become the account's and route. now: the operator won't wait for the FOC. */
MUST_CHECK int port_saga_switch(const struct saga *s, const char *order, const char *by, bool now,
                                enum port_switch *ret);

#endif
