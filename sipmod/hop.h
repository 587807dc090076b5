/* The next hop of a request inside a dialog: from a URI to a flow (RFC 3261 §8.1.2, RFC 3263). */
#ifndef TRUNKLINE_HOP_H
#define TRUNKLINE_HOP_H

#include "core.h"

/* `to` without a listener: it can't be reached. */
typedef void hop_fn(void *arg, const struct flow *to);

/* What a URI's scheme and transport parameter ask for. */
enum protocol hop_protocol(const struct uri *u);

/* Calls fn once, before it returns when the host is an address. Of several addresses the first that
 * can be reached counts. `prefer`: the listener to leave by, if it fits; NULL: any. */
void hop_find(struct core *core, const struct uri *u, struct listener *prefer, hop_fn *fn,
              void *arg);

#endif
