/* The audit log: a line for each write that a token asked for, done or refused. */
#ifndef TRUNKLINE_AUDIT_H
#define TRUNKLINE_AUDIT_H

#include "audit_param.h"
#include "endpoint.h"
#include "op.h"

/* Notes a request before it is answered with `code`. Parameters that the endpoint doesn't know are
 * left out, secrets and files are shown as "***". Errors of the store: the request must not be
 * acknowledged. */
MUST_CHECK int audit_write(struct op *op, const struct endpoint *endpoint,
                           const struct request *request, enum answer_code code);

#endif
