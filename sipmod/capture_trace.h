/* Traces (redis-schema/lib/trace.lua): which calls they are about, and their messages to Redis. */
#ifndef TRUNKLINE_CAPTURE_TRACE_H
#define TRUNKLINE_CAPTURE_TRACE_H

#include "capture_ring.h"
#include "store.h"

struct capture_traces;

/* A call that an account is asked for. `mark`: position of its INVITE in the ring. */
struct capture_booking {
    struct span call_id;
    const char *call, *account; /* our id; "" while the account is not known */
    const char *tg;             /* "": not known; looked up where a trace needs it */
    const char *number;         /* as dialled, or ours */
    uint64_t mark;
};

struct capture_trace_counts {
    uint64_t added, dropped; /* messages told to Redis; those that did not get there */
};

/* `ring` may be NULL: then a trace begins with what comes after it knows of a call. */
MUST_CHECK int capture_traces_new(struct capture_traces **ret, uv_loop_t *loop,
                                  const struct capture_ring *ring);
void capture_traces_close(struct capture_traces *t); /* after the store; accepts NULL */

/* Where traces are; once. */
MUST_CHECK int capture_traces_link(struct capture_traces *t, struct store *store);

bool capture_traces_any(const struct capture_traces *t);
void capture_traces_message(struct capture_traces *t, const struct capture_message *m);
void capture_traces_booking(struct capture_traces *t, const struct capture_booking *b);

struct capture_trace_counts capture_traces_counts(const struct capture_traces *t);

#endif
