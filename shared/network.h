/* Networks of IP addresses: "192.0.2.0/24", "2001:db8::/32", or one address. */
#ifndef TRUNKLINE_NETWORK_H
#define TRUNKLINE_NETWORK_H

#include "addr.h"

struct network {
    struct addr base;
    unsigned bits; /* of the prefix, 0 to 32 or 128 */
};

/* Strict: no bits may be set past the prefix. ERR_INVALID otherwise. */
MUST_CHECK int network_parse(struct span s, struct network *ret);
bool network_holds(const struct network *n, const struct addr *a);

/* Lists by comma; spaces around a part are passed over. */
MUST_CHECK int network_list_check(struct span list); /* ERR_INVALID; an empty list is good */
/* Whether one of the networks holds the address; parts that are none hold nothing. */
bool network_list_holds(struct span list, const struct addr *a);

#endif
