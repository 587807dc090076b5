/* The next hop of a request inside a dialog: from a URI to a flow (RFC 3261 §8.1.2, RFC 3263). */
#ifndef TRUNKLINE_HOP_H
#define TRUNKLINE_HOP_H

#include "core.h"
#include "resolve.h"

/* Ways there, in the order to try (RFC 3263 §4.3); none: it can't be reached. */
struct hop {
    struct flow flows[RESOLVE_ADDRESSES];
    size_t n;
};
typedef void hop_fn(void *arg, const struct hop *hop);

/* What a URI's scheme and transport parameter ask for. */
enum protocol hop_protocol(const struct uri *u);

/* Calls fn once, before it returns when the host is an address. `prefer`: the listener to leave by,
 * if it fits; NULL: any. */
void hop_find(struct core *core, const struct uri *u, struct listener *prefer, hop_fn *fn,
              void *arg);

#endif
