/* How often each of many may do something: a rate, and a burst that may go at once. One process
 * alone knows of it: several trunkd allow so much each. Memory is bounded: when there are too many
 * to know, the one that has used least of its burst is forgotten. */
#ifndef TRUNKLINE_LIMIT_H
#define TRUNKLINE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct limit_rule {
    int64_t per_minute; /* 0: no limit */
    int64_t burst;      /* at once, after a rest */
};

/* What is said in X-RateLimit-*. */
struct limit_state {
    bool limited;       /* false: there is no limit, and the rest is 0 */
    int64_t most, left; /* burst; how many of it may come now */
    int64_t full_s;     /* seconds until the whole burst may come again */
    int64_t retry_s;    /* seconds until the next may come; 0: now */
};

struct limit;

/* Room for about so many at a time. */
MUST_CHECK int limit_open(struct limit **ret, size_t room);
void limit_close(struct limit *l); /* accepts NULL */

/* Takes one for `who` (a digest: equal ones are one). False: it may not, and nothing was taken.
 * now_us: any clock that never goes back. */
bool limit_take(struct limit *l, uint64_t who, const struct limit_rule *rule, int64_t now_us,
                struct limit_state *ret);

/* The same without taking. */
bool limit_look(struct limit *l, uint64_t who, const struct limit_rule *rule, int64_t now_us,
                struct limit_state *ret);

#endif
