/* Strict integers from text: digits only, no sign, no space, no overflow, no trailing junk. */
#ifndef TRUNKLINE_NUM_H
#define TRUNKLINE_NUM_H

#include <stdint.h>

#include "err.h"
#include "span.h"

/* ERR_INVALID: not 1..19 digits. ERR_RANGE: outside min..max. *ret untouched on failure. */
MUST_CHECK int num_parse(struct span s, int64_t min, int64_t max, int64_t *ret);

/* As num_parse, but accepts one leading '-'. */
MUST_CHECK int num_parse_signed(struct span s, int64_t min, int64_t max, int64_t *ret);

#endif
