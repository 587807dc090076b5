/* A run of source addresses as an operator writes it: one address, or an IPv4 block. */
#ifndef TRUNKLINE_CTL_RANGE_H
#define TRUNKLINE_CTL_RANGE_H

#include "addr.h"

enum { RANGE_MAX = 256 }; /* addresses of a /24 */

struct range {
    struct addr first;
    unsigned count; /* 1..RANGE_MAX */
};

/* Reads "192.0.2.1", "192.0.2.0/28" (the host bits must be zero, /24 to /32) or an IPv6 address.
 * ERR_INVALID; ERR_RANGE: nothing that calls can come from. */
MUST_CHECK int ctl_range_parse(struct span s, struct range *ret);

/* Text of address i. Returns buf. */
const char *ctl_range_text(const struct range *r, unsigned i, char buf[ADDR_TEXT]);

#endif
