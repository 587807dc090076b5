/* Money is an integer in 1/10,000 of a dollar; two decimals on the wire. */
#ifndef TRUNKLINE_MONEY_H
#define TRUNKLINE_MONEY_H

#include <stdint.h>

#include "err.h"
#include "span.h"

typedef int64_t money_t;

enum { MONEY_DOLLAR = 10000, MONEY_CENT = 100, MONEY_TEXT = 32 };

/* Reads "12", "12.5", "0.0085", with up to four decimals and an optional leading '-'.
 * ERR_INVALID, ERR_RANGE (over 1e14 units). */
MUST_CHECK int money_parse(struct span s, money_t *ret);

/* "-12.35": two decimals, half away from zero. Returns buf. */
const char *money_text(money_t amount, char buf[MONEY_TEXT]);

/* Four decimals, for rates. Returns buf. */
const char *money_rate_text(money_t amount, char buf[MONEY_TEXT]);

#endif
