/* Numbers by the inventory that they lie in: a function touches one state at a time. */
#ifndef TRUNKLINE_STOCK_H
#define TRUNKLINE_STOCK_H

#include <stddef.h>

#include "err.h"
#include "redis.h"
#include "scratch.h"

struct stock_number {
    const char *number, *state; /* state "tf": toll-free */
};

struct stock {
    struct stock_number *numbers; /* sorted by state, then number */
    size_t count;
};

/* Number, state… from element `at` of a reply to its end. */
MUST_CHECK int stock_read(const struct redisReply *r, size_t at, struct scratch *mem,
                          struct stock *ret);

/* Calls a function once a state: `function` on inv:{ST} with the texts of `head` up to NULL, then
 * the numbers of that state. Stops at the first that fails; ERR_REFUSED: ret_state names it if not
 * NULL. */
MUST_CHECK int stock_each(struct redis_pool *redis, const struct stock *s, const char *function,
                          const char *const head[], const char **ret_state);

/* The numbers of one state, out of a sorted stock. */
struct stock stock_of_state(const struct stock *s, const char *state);

/* "ACCT:c:CART" and "ACCT:o:ORDER": owners of holds. NULL: out of memory. */
const char *stock_cart_owner(struct scratch *mem, const char *account, const char *cart);
const char *stock_order_owner(struct scratch *mem, const char *account, const char *order);

#endif
