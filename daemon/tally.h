/* What trunkd counts, and its /metrics. */
#ifndef TRUNKLINE_TALLY_H
#define TRUNKLINE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "conf.h"
#include "err.h"

struct tally;

/* Serves at metrics.trunkd; an address that can't be had is logged, and nothing else suffers. */
MUST_CHECK int tally_new(struct tally **ret, const struct conf *conf);
void tally_free(struct tally *t); /* accepts NULL */

/* `endpoint`: its name, or what the request was for. */
void tally_request(struct tally *t, const char *endpoint, int status, int64_t us);

enum tally_outcome { TALLY_DONE, TALLY_FAILED };
/* A run of a background job that took `us`, whose interval is `interval_s`. */
void tally_job(struct tally *t, const char *job, enum tally_outcome outcome, int64_t us,
               int64_t interval_s);
/* Whether this process holds the job's lock. */
void tally_leader(struct tally *t, const char *job, bool leads);

enum tally_delivery { TALLY_ARRIVED, TALLY_REFUSED, TALLY_DEAD, TALLY_DELIVERIES };
/* A try to deliver an event to a webhook; TALLY_DEAD: it was the last one. */
void tally_delivery(struct tally *t, enum tally_delivery delivery);

/* A redis_observe_fn; arg is the tally. */
void tally_redis(void *arg, int64_t us, int err);

/* Schema that Redis holds; 0: none. `ready`: requests are served. */
void tally_schema(struct tally *t, int64_t version, bool ready);

/* Figures of all accounts, trunks and nodes, as a whole (metrics_sheet); NULL: not known, or
 * another trunkd tells them. */
void tally_books(struct tally *t, char *text);

#endif
