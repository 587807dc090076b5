/* Asks Redis for what trunkctl top shows, by reads alone and a bounded number a second, and listens
 * to calls. Never blocks. */
#ifndef TRUNKLINE_CTL_TOP_FEED_H
#define TRUNKLINE_CTL_TOP_FEED_H

#include <uv.h>

#include "ctl.h"
#include "ctl_top_state.h"

enum {
    FEED_ACCOUNTS = 50, /* read a second: first those that had calls, the others in turn */
    FEED_ACCOUNTS_ONCE = 1000,
    FEED_NODES = 20,
    FEED_GATEWAYS = 50,
    FEED_INDEX_TICKS = 15, /* seconds between two looks for new accounts, nodes and gateways */
};

struct top_feed;

/* *ret is set on failure, too. `all`: reads up to FEED_ACCOUNTS_ONCE accounts at once, for a
 * snapshot. */
MUST_CHECK int top_feed_open(struct top_feed **ret, const struct ctl *c, uv_loop_t *loop,
                             struct top *t, bool all);
void top_feed_close(struct top_feed *f); /* ends its part of the loop; accepts NULL */
void top_feed_free(struct top_feed *f);  /* when the loop has ended; accepts NULL */

void top_feed_tick(struct top_feed *f); /* every second */
bool top_feed_is_complete(
    const struct top_feed *f);             /* the first round is through, and it listens */
void top_feed_restart(struct top_feed *f); /* another account is shown */

#endif
