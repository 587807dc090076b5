/* Writes with an Idempotency-Key: done once, answered alike for 24 hours. */
#ifndef TRUNKLINE_ONCE_H
#define TRUNKLINE_ONCE_H

#include "op.h"
#include "request.h"

/* Runs the endpoint of a checked request, or answers as it was answered before. What a payment
 * remembers is its own (payment.h): this keeps bodies of replies, and digests of requests. */
MUST_CHECK int once_run(struct op *op, const struct request *request);

#endif
