/* Time: a monotonic clock for durations, and UTC texts of the API. Business time is Redis TIME. */
#ifndef TRUNKLINE_CLOCK_H
#define TRUNKLINE_CLOCK_H

#include <stdint.h>

#include "err.h"
#include "span.h"

enum { CLOCK_TEXT = 20 }; /* "YYYY-MM-DD HH:MM:SS" and NUL */

/* Milliseconds since boot, suspend included; never goes back. */
int64_t clock_boot_ms(void);
int64_t clock_boot_us(void); /* the same in microseconds */

/* Unix milliseconds as "YYYY-MM-DD HH:MM:SS" UTC. Returns buf. */
const char *clock_text(int64_t unix_ms, char buf[CLOCK_TEXT]);

/* Reads "YYYY-MM-DD", "YYYY-MM-DD HH:MM:SS" or ISO 8601 with Z into unix milliseconds.
 * ERR_INVALID: another form, or no such day. */
MUST_CHECK int clock_parse(struct span s, int64_t *ret_unix_ms);

#endif
