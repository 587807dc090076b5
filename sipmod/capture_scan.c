#include "capture_scan.h"

#include <stdlib.h>
#include <utlist.h>

#include "call_id.h"
#include "capture_find.h"
#include "rr.h"

enum { SLICE_BYTES = 256 * 1024, EACH_BYTES = 128, PAUSE_MS = 1, VIAS = 4 };

struct capture_scan {
    struct capture_scans *scans;
    struct capture_scan *prev, *next;
    capture_scan_fn *fn;
    void *arg;
    uint64_t position;
    const struct mac_key *key;
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

/* Whether our id of a call that began with this INVITE is the one wanted: the caller's Via is the
 * first, or behind those of edges. */
static bool derives_from(const struct capture_scan *scan, const struct msg *invite)
{
    struct element el;
    size_t tried = 0;
    for (bool more = msg_element_first(invite, HEADER_VIA, &el); more && tried < VIAS;
         more = msg_element_next(invite, HEADER_VIA, &el), tried++) {
        struct via via;
        char id[RR_CALL_ID + 1];
        if (msg_read_via(invite, el.text, &via) != ERR_OK)
            return false;
        call_id_derive(scan->key, invite, &via, id);
        if (span_eq(span_of(id), scan->what))
            return true;
    }
    return false;
}

static bool derives(const struct capture_scan *scan, const struct transport_message *m)
{
    struct msg *invite = NULL, *reply_to = NULL;
    struct msg_fault fault;
    if (!scan->key || m->out || !span_starts_nocase(m->bytes, SPAN_LIT("INVITE ")))
        return false;
    bool same =
        msg_parse(m->bytes, &invite, &fault, &reply_to) == ERR_OK && derives_from(scan, invite);
    msg_free(invite);
    msg_free(reply_to);
    return same;
}

/* A message that tells the call's Call-ID: then the scan begins again, for that. */
static void learn(struct capture_scan *scan, const struct transport_message *m)
{
    struct span id = capture_find_call_id(m->bytes);
    bool is_id = span_eq(id, scan->what);
    bool ours = !is_id && id.n > 0 && scan->what.n == RR_CALL_ID &&
                (capture_find_call(m->bytes, scan->what) || derives(scan, m));
    if (!is_id && !ours)
        return;
    char *text = scan->text + (is_id ? 0 : RR_CALL_ID);
    memcpy(text, id.p, id.n);
    scan->what = (struct span){text, id.n};
    scan->known = true;
    scan->position = 0;
}

static bool is_of(struct span message, struct span callid)
{
    return memmem(message.p, message.n, callid.p, callid.n) != NULL &&
           span_eq(capture_find_call_id(message), callid);
}

/* Looks at messages until the slice is done. False: the scan is over. */
static bool look(struct capture_scan *scan, size_t slice)
{
    const struct capture_ring *ring = scan->scans->ring;
    struct capture_message m;
    for (size_t n = 0; n < slice && !scan->stopped; n += EACH_BYTES + m.wire.bytes.n) {
        if (!ring || !capture_ring_next(ring, &scan->position, &m))
            return false;
        if (!scan->known)
            learn(scan, &m.wire);
        else if (is_of(m.wire.bytes, scan->what))
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
                       const struct mac_key *key, capture_scan_fn *fn, void *arg)
{
    struct capture_scan *scan = calloc(1, sizeof *scan + what.n + CAPTURE_CALL_ID);
    if (!scan)
        return ERR_NOMEM;
    scan->scans = s;
    scan->key = key;
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
