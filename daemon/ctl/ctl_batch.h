/* Numbers on their way into the inventory: gathered by block, sent with inv_import in pipelines.
 * Also the memory of all blocks: a block lies in one state and, in one import, at one place, or
 * the same number could be sold twice. */
#ifndef TRUNKLINE_CTL_BATCH_H
#define TRUNKLINE_CTL_BATCH_H

#include "ctl.h"

struct batch;

/* Asks the server which blocks it has. NULL after a message. */
struct batch *ctl_batch_open(struct ctl *c);
void ctl_batch_free(struct batch *b); /* accepts NULL; what wasn't flushed is dropped */

struct batch_number {
    const char *digits; /* 10 digits of a NANP number, not terminated */
    const char *state;  /* from state_find */
    struct span ratecenter, city;
};

/* NULL when the number was taken, else why it can't be. */
const char *ctl_batch_add(struct batch *b, const struct batch_number *number);

/* Whether it is time to flush: memory is bounded by this. */
bool ctl_batch_full(const struct batch *b);

/* Sends all. False after a message; what was sent before the failure stays. */
MUST_CHECK bool ctl_batch_flush(struct batch *b);

int64_t ctl_batch_added(const struct batch *b);
int64_t ctl_batch_known(const struct batch *b); /* there before, or twice in the file */

#endif
