/* UTF-8 (RFC 3629). */
#ifndef TRUNKLINE_UTF8_H
#define TRUNKLINE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

/* No overlong forms, no surrogates, nothing past U+10FFFF. */
bool utf8_valid(struct span s);
/* Control characters of ASCII and of U+0080 to U+009F, separators of lines and paragraphs, and what
 * isn't seen but changes what is: marks of direction, blanks without width, tags. (Joiners, U+200C
 * and U+200D, belong to the spelling of languages.) */
bool utf8_has_control(struct span s);
size_t utf8_count(struct span s);                  /* characters of a valid text */
size_t utf8_encode(uint32_t character, char *buf); /* writes 1..4 bytes, returns how many */

#endif
