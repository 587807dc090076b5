/* Private to the Redis clients: commands as bytes of the Redis protocol (RESP2) in a growing
 * buffer. */
#ifndef TRUNKLINE_REDIS_WIRE_H
#define TRUNKLINE_REDIS_WIRE_H

#include <stddef.h>

#include "err.h"

struct redis_wire {
    char *p;
    size_t n, cap;
};

/* Appends one command; lens may be NULL for texts. All or nothing: ERR_NOMEM. */
MUST_CHECK int redis_wire_add(struct redis_wire *w, size_t argc, const char *const argv[],
                              const size_t lens[]);

/* Adds all of another's. ERR_NOMEM. */
MUST_CHECK int redis_wire_append(struct redis_wire *w, const struct redis_wire *more);

/* Forgets the content. A large buffer is given back, a small one kept. */
void redis_wire_clear(struct redis_wire *w);
void redis_wire_free(struct redis_wire *w);

#endif
