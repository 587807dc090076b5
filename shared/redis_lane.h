/* Private to the pool: one connection that many threads share. Each adds its commands to what is
 * about to be written and waits for its replies; one of them writes for all, one reads for all.
 * Many calls at once are therefore few system calls, here and in Redis, and one fsync there. */
#ifndef TRUNKLINE_REDIS_LANE_H
#define TRUNKLINE_REDIS_LANE_H

#include <stdbool.h>

#include "redis_target.h"
#include "redis_wire.h"

struct redis_lane;

/* Borrows the target. Connects when it is asked first. */
MUST_CHECK int redis_lane_open(struct redis_lane **ret, const struct redis_target *target);
void redis_lane_close(struct redis_lane *l); /* accepts NULL; no call may be under way */

/* Calls under way, more or less. */
unsigned redis_lane_load(const struct redis_lane *l);

/* Sends n commands, as they go over the wire, and waits for n replies: all of ret[] are set, or
 * none is. ERR_UNAVAILABLE: *ret_unsent says whether a connection broke before Redis had any of
 * them. */
MUST_CHECK int redis_lane_ask(struct redis_lane *l, const struct redis_wire *w, size_t n,
                              struct redisReply **ret, bool *ret_unsent);

#endif
