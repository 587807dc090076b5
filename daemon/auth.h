/* Whether a request may be made: address, account, token, scope, rate. */
#ifndef TRUNKLINE_AUTH_H
#define TRUNKLINE_AUTH_H

#include "endpoint.h"
#include "op.h"

/* Before anything is looked at: whether the client's address failed too often. Fills in op->limit.
 * A refusal is in op->answer (ERR_REFUSED). */
MUST_CHECK int auth_admit(struct op *op);

/* Counts a request with a wrong account, token or link against the client's address. */
void auth_failed(struct op *op);

/* Checks op->account and the token; fills in op->who and op->limit. A refusal is in op->answer
 * (ERR_REFUSED). */
MUST_CHECK int auth_check(struct op *op, struct span token, const struct endpoint *endpoint);

/* The same as both for a request whose like was admitted before, with that one's token and account
 * as they are now. False: it must be looked at in full; nothing has been counted. */
bool auth_again(struct op *op, const struct auth_record *record, const char *token,
                const struct endpoint *endpoint);

#endif
