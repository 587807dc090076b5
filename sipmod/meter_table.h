/* The families of sipmod's /metrics. Private to meter.c. */
#ifndef TRUNKLINE_METER_TABLE_H
#define TRUNKLINE_METER_TABLE_H

#include "metrics.h"

enum meter_family {
    FAMILY_BUILD,
    FAMILY_REDIS_UP,
    FAMILY_REDIS_SCHEMA,
    FAMILY_REDIS_SECONDS,
    FAMILY_REDIS_FAILURES,
    FAMILY_REQUESTS,
    FAMILY_RESPONSES,
    FAMILY_FAULTS,
    FAMILY_DROPPED,
    FAMILY_MESSAGES,
    FAMILY_TRANSACTIONS,
    FAMILY_PENDING,
    FAMILY_RESENT,
    FAMILY_REPEATED,
    FAMILY_TIMEOUTS,
    FAMILY_CONNECTIONS,
    FAMILY_CALLS,
    FAMILY_SHED,
    FAMILY_ADMITTED,
    FAMILY_ANSWERED,
    FAMILY_UNANSWERED,
    FAMILY_FINISHED,
    FAMILY_LIVE,
    FAMILY_WAITING,
    FAMILY_CPS,
    FAMILY_PDD,
    FAMILY_DURATION,
    FAMILY_TARGETS,
    FAMILY_SPOOL_EVENTS,
    FAMILY_SPOOL_MEMORY,
    FAMILY_SPOOL_BYTES,
    FAMILY_CAPTURED,
    FAMILY_UNCAPTURED,
    FAMILY_LAG,
    FAMILY_DRAINING,
    FAMILIES,
};

extern const struct metric_family meter_table[FAMILIES + 1];

/* Written as a whole: targets come and go. */
extern const struct metric_family meter_target_up;

#endif
