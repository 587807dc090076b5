/* The reference page of the API: one HTML page by itself, made from the endpoint table. */
#ifndef TRUNKLINE_REFERENCE_H
#define TRUNKLINE_REFERENCE_H

#include <stdio.h>

#include "err.h"
#include "span.h"

/* Writes HTML. ERR_SYSTEM: a write failed. */
MUST_CHECK int reference_print(FILE *out);

extern const char reference_style[]; /* CSS */

/* Its chapter about webhooks. */
void reference_print_webhooks(FILE *out);

/* A value that a key of an endpoint's reply may have; elements of a list by '|'. */
const char *reference_sample(const char *endpoint, struct span key);

#endif
