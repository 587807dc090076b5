/* The live stream of the ops page: one reading a second for all who look, none when nobody does. */
#ifndef TRUNKLINE_OPS_FEED_H
#define TRUNKLINE_OPS_FEED_H

#include "http_stream.h"
#include "ops_session.h"
#include "redis.h"

struct ops_feed;

/* Starts its thread, which reads through `service` once somebody looks. */
MUST_CHECK int ops_feed_open(struct ops_feed **ret, struct service *service,
                             const struct redis_settings *settings);
/* Ends all streams and takes no more. Accepts NULL. */
void ops_feed_end(struct ops_feed *f);
void ops_feed_close(struct ops_feed *f); /* accepts NULL */

/* A stream for whoever came with that pass; it ends soon after the pass does. ERR_RANGE: as many
 * look as may; ERR_UNAVAILABLE: it has ended. */
MUST_CHECK int ops_feed_watch(struct ops_feed *f, const struct ops_pass *pass,
                              struct http_stream **ret);

#endif
