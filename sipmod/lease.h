/* Places at gateways that have a limit (gateway_take): taken before a call is sent there, given
 * back when it is over. What is not given back, trunkd's job finds. */
#ifndef TRUNKLINE_LEASE_H
#define TRUNKLINE_LEASE_H

#include "core.h"
#include "rr.h"

/* `taken`: the call may go there. */
typedef void lease_fn(void *arg, bool taken);

/* Calls fn once, perhaps before it returns. `longest_s`: the longest that the call may last. */
void lease_take(struct core *core, const char *gateway, const char *account, const char *call,
                int64_t longest_s, lease_fn *fn, void *arg);
void lease_drop(struct core *core, const char *gateway, const char *account, const char *call);

/* Keeps the place of a call that is up, if it has one; calls fn as lease_take does. */
void lease_renew(struct core *core, const struct rr *rr, int64_t longest_s, lease_fn *fn,
                 void *arg);

/* Of a call that is over; its last booking has the place. Nothing if its gateway has no limit. */
void lease_end(struct core *core, const struct rr *rr);

#endif
