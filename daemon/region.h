/* States of the USA with its districts and territories, and provinces of Canada. */
#ifndef TRUNKLINE_REGION_H
#define TRUNKLINE_REGION_H

#include <stddef.h>

#include "span.h"

extern const char *const region_codes[]; /* sorted, upper case */
extern const size_t region_count;

/* The code in upper case, or NULL if it is none. */
const char *region_find(struct span code);

#endif
