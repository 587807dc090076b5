/* The forwarded forms of messages: the received bytes, edited (RFC 3261 §16.6, §16.7). Both are
 * written into core->bytes. */
#ifndef TRUNKLINE_FORWARD_H
#define TRUNKLINE_FORWARD_H

#include "relay.h"
#include "session_timer.h"

/* What a request went on with, for its responses. */
struct forwarded {
    struct session_timer session;
    struct span
        from; /* the caller's From, borrowed of the request, if another was sent; or empty */
};

/* The request as it goes to a target, with our Via. ERR_TOO_LARGE, ERR_INVALID. */
MUST_CHECK int forward_request(struct core *core, const struct msg *request,
                               const struct flow *from, const struct relay_target *target,
                               uint64_t branch, struct forwarded *ret, struct span *ret_bytes);

/* The response without our Via (§16.7 step 9), as the caller expects it: with its own From, and
 * with the session timer that was asked for where the target knows none. ERR_TOO_LARGE,
 * ERR_INVALID. */
MUST_CHECK int forward_response(struct core *core, const struct msg *response,
                                const struct forwarded *request, struct span *ret_bytes);

#endif
