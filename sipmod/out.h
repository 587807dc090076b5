/* Bounded text under construction in a caller's buffer; overflow is remembered, never written. */
#ifndef TRUNKLINE_OUT_H
#define TRUNKLINE_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

struct out {
    char *buf;
    size_t cap, n;
    bool full;
};

#define OUT_IN(array) ((struct out){.buf = (array), .cap = sizeof(array)})

void out_span(struct out *o, struct span s);
void out_text(struct out *o, const char *text);
void out_number(struct out *o, uint64_t n);          /* decimal */
void out_hex(struct out *o, uint64_t v, int digits); /* the lowest ones, at most 16 */
void out_format(struct out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What was written; empty when it did not fit. */
struct span out_done(const struct out *o);

#endif
