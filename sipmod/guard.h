/* What one source may send in a second, and when new calls are too many for this instance. */
#ifndef TRUNKLINE_GUARD_H
#define TRUNKLINE_GUARD_H

#include "addr.h"
#include "conf.h"

enum guard_kind {
    GUARD_MESSAGE, /* any message that is worth parsing: sip.source_rate */
    GUARD_INVITE,  /* a new call: sip.source_invite_rate */
    GUARD_REPLY,   /* a response to an unlisted source: sip.stranger_rate */
    GUARD_KINDS,
};

struct guard;

/* `conf` is borrowed and may change. */
MUST_CHECK int guard_new(struct guard **ret, const struct conf *conf);
void guard_free(struct guard *g); /* accepts NULL */

/* Takes one token of a source, whatever its port. False: none is left; the source sent more than
 * its rate, beyond a burst of one second's worth. The table is bounded: of sources whose places
 * collide the one longest silent is forgotten. */
bool guard_take(struct guard *g, enum guard_kind kind, const struct addr *source, uint64_t now_ms);

struct guard_load {
    size_t transactions; /* server transactions without a final response */
    size_t admissions;   /* calls that wait for Redis */
    uint64_t lag_ms;     /* how late the loop is, or how long messages have been waiting */
};

/* A request was refused without a transaction: what else of it is on its way to us, or waits to be
 * read, must not begin a call after that. `request`: a hash of what is the same in each copy. The
 * table is bounded: of two that collide the later one is known. */
void guard_refuse(struct guard *g, uint64_t request, uint64_t now_ms);
bool guard_was_refused(const struct guard *g, uint64_t request, uint64_t now_ms);

/* Why new calls must be refused now; NULL: they need not. */
const char *guard_overload(const struct guard *g, const struct guard_load *load);

#endif
