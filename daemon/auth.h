/* Whether a token is one of an account's, and what it may do. */
#ifndef TRUNKLINE_AUTH_H
#define TRUNKLINE_AUTH_H

#include "endpoint.h"
#include "op.h"

/* Checks op->account and the token; a refusal is in op->answer (ERR_REFUSED). */
MUST_CHECK int auth_check(struct op *op, struct span token, enum endpoint_access access);

#endif
