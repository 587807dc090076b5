/* A call's messages for the ops page. */
#ifndef TRUNKLINE_OPS_TRACE_H
#define TRUNKLINE_OPS_TRACE_H

#include <jansson.h>

#include "op.h"

/* Those of a call that traces have; if none has any, those that the sipmods that run remember. A
 * list of at, node, dir, proto, from, to, data, in the order on the wire. *ret is the caller's.
 * Errors of the store. */
MUST_CHECK int ops_trace(struct op *op, const char *callid, json_t **ret);

#endif
