/* An order of preference with chance in it: of gateways, of the servers of a name. */
#ifndef TRUNKLINE_LOT_H
#define TRUNKLINE_LOT_H

#include <stddef.h>
#include <stdint.h>

struct lot {
    size_t index;   /* the caller's own */
    int64_t rank;   /* the lowest is first */
    int64_t weight; /* of those of one rank, how likely it is to come before the others; over 0 */
};

/* Orders by rank, and inside one rank by chance in proportion to the weights. */
void lot_order(struct lot *lots, size_t n);

#endif
