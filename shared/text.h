/* Texts in fixed buffers and numbers in decimal, where printf would cost more than the rest of the
 * work. */
#ifndef TRUNKLINE_TEXT_H
#define TRUNKLINE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "span.h"

enum { TEXT_NUMBER = 21 }; /* any int64_t with its sign, and NUL */

/* As much as fits, always terminated; cap at least 1. */
void text_set(char *buf, size_t cap, const char *text);
void text_set_span(char *buf, size_t cap, struct span s);

/* Decimal; returns buf. */
char *text_number(int64_t n, char buf[TEXT_NUMBER]);

/* Digits of n to p, not terminated; returns where they end. Room for 20. */
char *text_digits(uint64_t n, char *p);

#endif
