/* Memory of one request: allocated piecemeal, freed at once. */
#ifndef TRUNKLINE_SCRATCH_H
#define TRUNKLINE_SCRATCH_H

#include <stddef.h>

#include "err.h"
#include "span.h"

struct scratch_block;

/* Starts as {0}; ends with scratch_clear. */
struct scratch {
    struct scratch_block *blocks;
};

/* Zeroed, aligned for any type; NULL when out of memory. */
void *scratch_alloc(struct scratch *s, size_t n);
/* n elements of that size; NULL also when the product overflows. */
void *scratch_array(struct scratch *s, size_t n, size_t size);
/* NUL terminated copy, or NULL. */
char *scratch_text(struct scratch *s, struct span text);
char *scratch_printf(struct scratch *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void scratch_clear(struct scratch *s);

#endif
