/* Telephone numbers of the North American Numbering Plan, and E.164 as carriers send it. */
#ifndef TRUNKLINE_PHONE_H
#define TRUNKLINE_PHONE_H

#include "err.h"
#include "span.h"

enum { PHONE_NANP_DIGITS = 10, PHONE_E164_MAX = 15 };

/* A NANP number: ten digits, NUL terminated. */
struct phone {
    char digits[PHONE_NANP_DIGITS + 1];
};

/* Reads 10 digits, 11 with a leading 1, or +1 and 10 digits; visual separators are refused.
 * ERR_INVALID: not of that form, or against NANP: NPA [2-9][0-8]X, NXX [2-9]XX, neither N11. */
MUST_CHECK int phone_parse(struct span s, struct phone *ret);

/* Reads an E.164 number of 3 to 15 digits with or without '+' into bare digits; a NANP number in
 * any form of phone_parse comes out as 11 digits with the leading 1. Used for dialled numbers.
 * Visual separators '-', '.', '(' and ')' are dropped (RFC 3966). */
MUST_CHECK int phone_e164(struct span s, char ret[PHONE_E164_MAX + 1]);

/* Whether six digits are an assignable NPANXX block. */
bool phone_block_valid(struct span npanxx);

/* Whether three digits belong to `codes`, a list such as "800,833,844". */
bool phone_tollfree(const char *codes, const char digits[static 3]);

#endif
