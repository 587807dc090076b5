/* An initial INVITE from its arrival to its final response: whose call it is, admission, its
 * targets in order, and what Redis must know of it. */
#ifndef TRUNKLINE_CALL_H
#define TRUNKLINE_CALL_H

#include "core.h"

/* Takes over a new server transaction of an INVITE outside a dialog from a listed source. `origin`:
 * its address, which is not that of `from` behind an edge. */
void call_start(struct core *core, struct txn_server *server, const struct flow *from,
                const struct addr *origin, const struct source *source);

#endif
