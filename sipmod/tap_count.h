/* What a tap counts: for its summary and for /metrics. */
#ifndef TRUNKLINE_TAP_COUNT_H
#define TRUNKLINE_TAP_COUNT_H

#include <stdint.h>
#include <stdio.h>

#include "conf.h"
#include "err.h"

enum tap_counter {
    TAP_PACKETS,
    TAP_OTHER,
    TAP_FRAGMENTS,
    TAP_CUT,
    TAP_MALFORMED,
    TAP_REFUSED,
    TAP_LOST,
    TAP_KERNEL,
    TAP_MESSAGES,
    TAP_CALLS,
    TAP_ANSWERED,
    TAP_STRANGERS,
    TAP_MIDWAY,
    TAP_BEYOND,
    TAP_IN_SETUP,
    TAP_KNOWN,
    TAP_UNKNOWN,
    TAP_WRITTEN,
    TAP_REPEATED,
    TAP_FAILED,
    TAP_BILLED,
    TAP_COUNTERS,
};

struct tap_count;

/* Serves at metrics.sipmod; an address that can't be had is logged. */
MUST_CHECK int tap_count_new(struct tap_count **ret, const struct conf *conf);
void tap_count_free(struct tap_count *c); /* accepts NULL */

void tap_count_add(struct tap_count *c, enum tap_counter counter, int64_t n);
void tap_count_set(struct tap_count *c, enum tap_counter counter, int64_t n);
int64_t tap_count_get(const struct tap_count *c, enum tap_counter counter);
/* A message that could not be understood. `kind`: static word of a msg_fault. */
void tap_count_fault(struct tap_count *c, const char *kind);
/* What there is now: calls under way, and records that wait for Redis. */
void tap_count_now(struct tap_count *c, size_t calls, size_t waiting);

/* The summary, a line for each that isn't zero. */
void tap_count_print(const struct tap_count *c, FILE *out, int64_t elapsed_ms);

#endif
