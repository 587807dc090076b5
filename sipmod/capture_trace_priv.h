/* What the parts of traces share: capture_trace.c matches calls, capture_trace_sync.c keeps up with
 * what Redis has. */
#ifndef TRUNKLINE_CAPTURE_TRACE_PRIV_H
#define TRUNKLINE_CAPTURE_TRACE_PRIV_H

#include <uthash.h>

#include "capture_find.h"
#include "capture_trace.h"
#include "rr.h"

enum { TRACE_ID = 16, TRACES_KNOWN = 64 };

enum trace_kind { KIND_OTHER, KIND_NUMBER, KIND_TRUNK, KIND_CALL, KIND_RING, TRACE_KINDS };

/* A call that a trace follows. */
struct traced_call {
    UT_hash_handle hh;
    bool live; /* false: what the ring has of it is still being read, and comes first */
    char call[RR_CALL];
    char callid[];
};

struct trace {
    UT_hash_handle hh;
    char id[TRACE_ID];
    enum trace_kind kind;
    char what[CAPTURE_CALL_ID + 1];
    char account[RR_ACCOUNT];
    uint64_t until_ms; /* loop time up to which new calls are taken */
    size_t sent, most; /* messages */
    bool listed;
    struct traced_call *calls;
};

struct capture_traces {
    uv_loop_t *loop;
    uv_timer_t refresh;
    const struct capture_ring *ring;
    struct store *store;
    struct capture_scans *scans;
    struct trace_search *searches;
    struct trace *list;
    int64_t n; /* messages told since the start */
    struct capture_trace_counts counts;
};

/* ---- capture_trace.c ---- */

struct trace *trace_find(const struct capture_traces *t, const char *id);
void trace_forget(struct capture_traces *t, struct trace *trace);

struct traced_call *trace_find_call(const struct trace *trace, struct span callid);
/* A new one; NULL: it has too many. `id`: ours, or empty. */
struct traced_call *trace_enter_call(struct trace *trace, struct span callid, const char *id);

/* Looks through the ring for a call. `what`: a Call-ID or our id; `call`: NULL, its Call-ID is not
 * known yet. */
void trace_search(struct capture_traces *t, struct trace *trace, struct span what,
                  struct traced_call *call);

/* ---- capture_trace_sync.c ---- */

int trace_sync_start(struct capture_traces *t);

#endif
