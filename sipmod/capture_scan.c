#include "capture_scan.h"

#include <stdlib.h>
#include <utlist.h>

#include "capture_find.h"
#include "rr.h"

enum { SLICE_BYTES = 256 * 1024, EACH_BYTES = 128, PAUSE_MS = 1 };

struct capture_scan {
    struct capture_scans *scans;
    struct capture_scan *prev, *next;
    capture_scan_fn *fn;
    void *arg;
    uint64_t position;
    bool known; /* `what` is the Call-ID; before: it may be our id as well */
    bool stopped;
    struct span what;
    char text[]; /* of what; behind it of a Call-ID that is found */
};

struct capture_scans {
    const struct capture_ring *ring;
    uv_timer_t timer;
    struct capture_scan *list;
};

int capture_scans_new(struct capture_scans **ret, uv_loop_t *loop, const struct capture_ring *ring)
{
    struct capture_scans *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->ring = ring;
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    *ret = s;
    return ERR_OK;
}

static void drop(struct capture_scan *scan)
{
    DL_DELETE(scan->scans->list, scan);
    free(scan);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void capture_scans_close(struct capture_scans *s)
{
    if (!s)
        return;
    while (s->list)
        drop(s->list);
    uv_close((uv_handle_t *)&s->timer, on_closed);
}

/* ---- one scan ---- */

/* Whether a message tells the call's Call-ID; then the scan begins again, for that. */
static bool learn(struct capture_scan *scan, struct span bytes)
{
    struct span id = capture_find_call_id(bytes);
    bool same = span_eq(id, scan->what);
    if (!same && !(scan->what.n == RR_CALL_ID && capture_find_call(bytes, scan->what)))
        return false;
    if (!same && (id.n == 0 || id.n > CAPTURE_CALL_ID))
        return false;
    char *text = scan->text + (same ? 0 : RR_CALL_ID);
    memcpy(text, id.p, id.n);
    scan->what = (struct span){text, id.n};
    scan->known = true;
    scan->position = 0;
    return true;
}

/* Looks at messages until the slice is done. False: the scan is over. */
static bool look(struct capture_scan *scan, size_t slice)
{
    const struct capture_ring *ring = scan->scans->ring;
    struct capture_message m;
    for (size_t n = 0; n < slice && !scan->stopped; n += EACH_BYTES + m.wire.bytes.n) {
        if (!ring || !capture_ring_next(ring, &scan->position, &m))
            return false;
        struct span bytes = m.wire.bytes;
        if (!memmem(bytes.p, bytes.n, scan->what.p, scan->what.n))
            continue;
        if (!scan->known)
            (void)learn(scan, bytes);
        else if (span_eq(capture_find_call_id(bytes), scan->what))
            scan->fn(scan->arg, &m);
    }
    return true;
}

/* The oldest scan has the slice. */
static void on_timer(uv_timer_t *timer)
{
    struct capture_scans *s = timer->data;
    struct capture_scan *scan = s->list;
    bool more = scan && look(scan, SLICE_BYTES);
    if (scan && (!more || scan->stopped)) {
        capture_scan_fn *fn = scan->stopped ? NULL : scan->fn;
        void *arg = scan->arg;
        drop(scan);
        if (fn)
            fn(arg, NULL);
    }
    if (!s->list)
        uv_timer_stop(timer);
}

int capture_scan_start(struct capture_scan **ret, struct capture_scans *s, struct span what,
                       capture_scan_fn *fn, void *arg)
{
    struct capture_scan *scan = calloc(1, sizeof *scan + what.n + CAPTURE_CALL_ID);
    if (!scan)
        return ERR_NOMEM;
    scan->scans = s;
    scan->fn = fn;
    scan->arg = arg;
    memcpy(scan->text, what.p, what.n);
    scan->what = (struct span){scan->text, what.n};
    DL_APPEND(s->list, scan);
    uv_timer_start(&s->timer, on_timer, PAUSE_MS, PAUSE_MS);
    *ret = scan;
    return ERR_OK;
}

void capture_scan_stop(struct capture_scan *scan)
{
    scan->stopped = true; /* it may be looking */
}
