/* A growing run of bytes that are added at its end and taken from its front. */
#ifndef TRUNKLINE_BYTES_H
#define TRUNKLINE_BYTES_H

#include "err.h"
#include "span.h"

/* Zeroed: empty, no memory. */
struct bytes {
    char *p;
    size_t n, cap;
};

MUST_CHECK int bytes_add(struct bytes *b, struct span more); /* ERR_NOMEM: nothing was added */
void bytes_drop(struct bytes *b, size_t n); /* from the front; an empty one holds no memory */
void bytes_free(struct bytes *b);
struct span bytes_span(const struct bytes *b);

#endif
