/* Calls for the ops page: live ones and recent CDRs, bounded in number and time. */
#ifndef TRUNKLINE_OPS_SEARCH_H
#define TRUNKLINE_OPS_SEARCH_H

#include "op.h"

/* /ops/calls?q=TEXT: a number, call id, Call-ID, account or account/trunk. JSON: `calls`, newest
 * first, and whether that was all (`complete`). Errors of the store. */
MUST_CHECK int ops_search(struct op *op, struct http_reply *ret);

/* /ops/call?account=ACCT&id=CALL: JSON: `call`, and its messages from traces or from the sipmods'
 * memory. ERR_REFUSED in op->answer: a parameter is wrong, or there is no such call. */
MUST_CHECK int ops_search_call(struct op *op, struct http_reply *ret);

#endif
