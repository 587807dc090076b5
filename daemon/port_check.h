/* Which numbers can be ported in: covered by what the operator loaded, not here already, not on an
 * open port order. */
#ifndef TRUNKLINE_PORT_CHECK_H
#define TRUNKLINE_PORT_CHECK_H

#include "err.h"
#include "redis.h"
#include "scratch.h"

struct port_number {
    const char *number;
    const char *state;  /* "tf" for toll-free; set when it is accepted */
    const char *reason; /* static; NULL: accepted */
};

extern const char port_on_order[]; /* reason: on an open port order */

/* One result a number. */
MUST_CHECK int port_check(struct redis_pool *redis, struct scratch *mem, const char *tollfree_codes,
                          const char *const numbers[], size_t count, struct port_number ret[]);

#endif
