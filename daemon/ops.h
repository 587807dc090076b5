/* The ops page at /ops: for people with an operator's token (trunkctl operator add). As long as
 * there is no operator, nothing is here. */
#ifndef TRUNKLINE_OPS_H
#define TRUNKLINE_OPS_H

#include "op.h"

/* Whether a path is the page's or below it. */
bool ops_path(struct span path);
/* Whether what is there waits for others than the store, or long. */
bool ops_waits(struct span path);

/* Fills in the reply (ERR_OK), or refuses in op->answer (ERR_REFUSED); *ret_allow is set with the
 * latter when the method was wrong. Errors of the store. */
MUST_CHECK int ops_serve(struct op *op, struct http_reply *ret, const char **ret_allow);

#endif
