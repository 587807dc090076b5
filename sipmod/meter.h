/* What this instance counts, and its /metrics. What happens with each message or call is counted
 * where it happens, by an addition; what other parts keep is read once a second. */
#ifndef TRUNKLINE_METER_H
#define TRUNKLINE_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "conf.h"
#include "err.h"
#include "msg.h"

struct core;
struct meter;

/* Why a message goes no further. */
enum meter_drop {
    METER_STRANGER,       /* from a source that is not listed */
    METER_STRAY_RESPONSE, /* of no transaction */
    METER_THROTTLED,      /* over sip.source_rate */
    METER_WITHHELD,       /* a response of ours that would amplify */
    METER_DROPS,
};

/* Serves at metrics.sipmod; an address that can't be had is logged, and nothing else suffers. */
MUST_CHECK int meter_new(struct meter **ret, const struct conf *conf);
void meter_free(struct meter *m); /* logs the totals; accepts NULL */

void meter_request(struct meter *m, enum method method);
void meter_response(struct meter *m, int status);
void meter_fault(struct meter *m, const char *kind); /* of a msg_fault */
void meter_drop(struct meter *m, enum meter_drop why);

void meter_shed(struct meter *m); /* a new call refused for overload, before it was looked at */
void meter_call(struct meter *m, bool outbound);
void meter_admitted(struct meter *m);
/* `pdd_ms`: 0 if it never rang. */
void meter_answered(struct meter *m, bool outbound, int64_t pdd_ms);
void meter_unanswered(struct meter *m, const char *reason); /* reason word of its CDR */
void meter_ended(struct meter *m, int64_t ms);              /* answered so long; -1: not known */

/* A redis_observe_fn; arg is the meter. */
void meter_redis(void *arg, int64_t us, int err);

/* Reads what other parts keep, if a second has gone by. `lag_ms`: how late the loop is. */
void meter_refresh(struct meter *m, struct core *core, uint64_t lag_ms);

#endif
