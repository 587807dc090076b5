/* Where a number lies, by the inventories of all states. */
#ifndef TRUNKLINE_PLACE_H
#define TRUNKLINE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "redis.h"
#include "scratch.h"

struct place {
    const char *state;      /* static; "tf" for toll-free; NULL: its block is in no inventory */
    const char *ratecenter; /* upper case; "" when there is none */
    bool known;             /* the number itself is of the inventory, free or not */
};

/* One place a number. */
MUST_CHECK int place_find(struct redis_pool *redis, struct scratch *mem,
                          const char *const numbers[], size_t count, struct place ret[]);

#endif
