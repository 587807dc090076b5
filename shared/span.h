/* A span is a borrowed run of bytes: not terminated, not owned. */
#ifndef TRUNKLINE_SPAN_H
#define TRUNKLINE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *p;
    size_t n;
};

#define SPAN_LIT(s) ((struct span){(s), sizeof(s) - 1})

struct span span_of(const char *text);                    /* text may be NULL: empty span */
bool span_eq(struct span a, struct span b);               /* byte for byte */
bool span_eq_nocase(struct span a, struct span b);        /* ASCII case folded */
bool span_starts_nocase(struct span s, struct span head); /* ASCII case folded */
struct span span_trim(struct span s);                     /* without SP, HT, CR, LF at both ends */

/* Cuts the part before the first `sep` off `*rest` and returns it trimmed; `*rest` keeps what
 * follows. Returns false when nothing is left. */
bool span_cut(struct span *rest, char sep, struct span *ret_part);

/* Copies into a fixed buffer with a terminating NUL. False when it does not fit or holds a NUL. */
bool span_copy(struct span s, char *buf, size_t cap);

#endif
