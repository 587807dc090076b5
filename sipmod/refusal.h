/* How a refusal is said: words for CDRs, Reason and Retry-After headers for the caller. */
#ifndef TRUNKLINE_REFUSAL_H
#define TRUNKLINE_REFUSAL_H

#include <stdint.h>

#include "span.h"

enum { REFUSAL_LINES = 320 };

/* Reason word of a CDR for a final response that came from a target. */
const char *refusal_reason(int status);

/* "Reason: Q.850;cause=…;text="…"" (RFC 3326) and, when asked, "Retry-After: n". `word`: reason
 * word. Returns what was written to buf. */
struct span refusal_lines(int status, const char *word, const char *text, int64_t retry_after_s,
                          char buf[REFUSAL_LINES]);

/* The word of a refusal that was written so; NULL: by somebody else. */
const char *refusal_word(int status, int cause, struct span text);

#endif
