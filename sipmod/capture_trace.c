#include "capture_trace_priv.h"

#include <stdlib.h>
#include <utlist.h>

#include "capture_scan.h"
#include "keys.h"
#include "text.h"

enum { CALLS_MAX = 100 };

/* The ring is being looked through for a call. */
struct trace_search {
    struct capture_traces *owner;
    struct trace *trace;
    struct traced_call *call; /* NULL: not found yet */
    struct capture_scan *scan;
    struct trace_search *prev, *next;
};

/* A booking whose trunk is asked for. */
struct trunk_question {
    struct capture_traces *owner;
    char callid[CAPTURE_CALL_ID + 1];
    char call[RR_CALL], account[RR_ACCOUNT], number[TRACE_ID];
    uint64_t mark;
};

/* ---- to Redis ---- */

static void on_told(void *arg, const struct redisReply *reply, int err)
{
    struct capture_traces *t = arg;
    if ((err == ERR_OK ? reply_check(reply) : err) == ERR_OK)
        t->counts.added++;
    else
        t->counts.dropped++;
}

static void add(struct capture_traces *t, struct trace *trace, const struct traced_call *call,
                const struct capture_message *m)
{
    static const char *const WORDS[] = {
        [PROTOCOL_UDP] = "udp", [PROTOCOL_TCP] = "tcp", [PROTOCOL_TLS] = "tls"};
    const struct transport_message *w = &m->wire;
    char n[TEXT_NUMBER], at[TEXT_NUMBER], local[ADDR_PORT_TEXT], remote[ADDR_PORT_TEXT];
    addr_port_text(w->local, local);
    addr_port_text(w->remote, remote);
    if (trace->sent >= trace->most) {
        t->counts.dropped++;
        return;
    }
    const char *args[] = {store_node(t->store),
                          store_boot(t->store),
                          text_number(++t->n, n),
                          call->callid,
                          call->call,
                          text_number(m->at_us, at),
                          w->out ? "out" : "in",
                          WORDS[w->protocol],
                          w->out ? local : remote,
                          w->out ? remote : local,
                          w->bytes.p};
    enum { ARGS = sizeof args / sizeof *args };
    size_t lens[ARGS];
    for (size_t i = 0; i < ARGS; i++)
        lens[i] = i == ARGS - 1 ? w->bytes.n : strlen(args[i]);
    trace->sent++;
    if (store_report_bytes(t->store, on_told, t, "trace_add", key_trace(trace->id).text, ARGS, args,
                           lens) != ERR_OK)
        t->counts.dropped++;
}

/* All other instances follow the call as well. */
static void tell_call(struct capture_traces *t, const struct trace *trace,
                      const struct traced_call *call)
{
    const char *args[] = {call->callid, call->call};
    if (trace->kind != KIND_RING && store_report(t->store, NULL, NULL, "trace_call",
                                                 key_trace(trace->id).text, 2, args) != ERR_OK)
        t->counts.dropped++;
}

static void tell_done(struct capture_traces *t, const struct trace *trace)
{
    const char *args[] = {store_node(t->store), store_boot(t->store)};
    if (store_report(t->store, NULL, NULL, "trace_done", key_trace(trace->id).text, 2, args) !=
        ERR_OK)
        t->counts.dropped++;
}

/* ---- traces and their calls ---- */

struct traced_call *trace_find_call(const struct trace *trace, struct span callid)
{
    struct traced_call *call;
    HASH_FIND(hh, trace->calls, callid.p, callid.n, call);
    return call;
}

/* A new one; NULL: it has too many. */
struct traced_call *trace_enter_call(struct trace *trace, struct span callid, const char *id)
{
    if (HASH_COUNT(trace->calls) >= CALLS_MAX)
        return NULL;
    struct traced_call *call = calloc(1, sizeof *call + callid.n + 1);
    if (!call)
        return NULL;
    memcpy(call->callid, callid.p, callid.n);
    text_set(call->call, sizeof call->call, id);
    HASH_ADD_KEYPTR(hh, trace->calls, call->callid, callid.n, call);
    return call;
}

static void end_search(struct trace_search *s)
{
    DL_DELETE(s->owner->searches, s);
    free(s);
}

void trace_forget(struct capture_traces *t, struct trace *trace)
{
    struct trace_search *s, *next_search;
    struct traced_call *call, *next_call;
    DL_FOREACH_SAFE(t->searches, s, next_search)
    {
        if (s->trace != trace)
            continue;
        capture_scan_stop(s->scan);
        end_search(s);
    }
    HASH_ITER(hh, trace->calls, call, next_call)
    {
        HASH_DEL(trace->calls, call);
        free(call);
    }
    HASH_DEL(t->list, trace);
    free(trace);
}

struct trace *trace_find(const struct capture_traces *t, const char *id)
{
    struct trace *trace;
    HASH_FIND_STR(t->list, id, trace);
    return trace;
}

static bool is_open(const struct capture_traces *t, const struct trace *trace)
{
    return uv_now(t->loop) < trace->until_ms;
}

/* ---- the ring ---- */

static bool is_our_id(const char *what)
{
    return strlen(what) == RR_CALL_ID && strspn(what, "0123456789abcdef") == RR_CALL_ID;
}

static void finish_search(struct trace_search *s)
{
    struct capture_traces *t = s->owner;
    struct trace *trace = s->trace;
    struct traced_call *call = s->call;
    end_search(s);
    if (trace->kind == KIND_RING) {
        tell_done(t, trace);
        trace_forget(t, trace);
        return;
    }
    if (!call) /* nothing has been heard of it yet */
        call = trace_enter_call(trace, span_of(trace->what), "");
    if (call)
        call->live = true;
}

static void on_found(void *arg, const struct capture_message *m)
{
    struct trace_search *s = arg;
    struct trace *trace = s->trace;
    if (!m) {
        finish_search(s);
        return;
    }
    if (!s->call) {
        struct span callid = capture_find_call_id(m->wire.bytes);
        s->call = trace_find_call(trace, callid);
        if (!s->call)
            s->call = trace_enter_call(trace, callid, is_our_id(trace->what) ? trace->what : "");
        if (s->call)
            tell_call(s->owner, trace, s->call);
    }
    if (s->call && !s->call->call[0])
        text_set_span(s->call->call, sizeof s->call->call, capture_find_id(m->wire.bytes));
    if (s->call)
        add(s->owner, trace, s->call, m);
}

void trace_search(struct capture_traces *t, struct trace *trace, struct span what,
                  struct traced_call *call)
{
    struct trace_search *s = calloc(1, sizeof *s);
    if (!s)
        return;
    *s = (struct trace_search){.owner = t, .trace = trace, .call = call};
    if (HASH_COUNT(t->list) > TRACES_KNOWN ||
        capture_scan_start(&s->scan, t->scans, what, store_mac_key(t->store), on_found, s) !=
            ERR_OK) {
        free(s);
        return;
    }
    DL_APPEND(t->searches, s);
}

/* What passed since the call's INVITE, at once. */
static void add_since(struct capture_traces *t, struct trace *trace, struct traced_call *call,
                      uint64_t mark)
{
    struct capture_message m;
    struct span callid = span_of(call->callid);
    call->live = true;
    while (t->ring && capture_ring_next(t->ring, &mark, &m)) {
        if (span_eq(capture_find_call_id(m.wire.bytes), callid))
            add(t, trace, call, &m);
    }
}

/* ---- matching ---- */

static void offer_message(struct capture_traces *t, struct trace *trace, struct span callid,
                          const struct capture_message *m)
{
    struct traced_call *call = trace_find_call(trace, callid);
    if (!call && trace->kind == KIND_NUMBER && is_open(t, trace) &&
        capture_find_number(m->wire.bytes, span_of(trace->what))) {
        call = trace_enter_call(trace, callid, "");
        if (!call)
            return;
        call->live = true;
        tell_call(t, trace, call);
    }
    if (call && call->live)
        add(t, trace, call, m);
}

void capture_traces_message(struct capture_traces *t, const struct capture_message *m)
{
    struct trace *trace, *next;
    if (!t->list)
        return;
    struct span callid = capture_find_call_id(m->wire.bytes);
    if (callid.n == 0)
        return;
    HASH_ITER(hh, t->list, trace, next)
    {
        if (trace->kind != KIND_RING)
            offer_message(t, trace, callid, m);
    }
}

static bool is_number(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n == m + 1 && *a == '1')
        return strcmp(a + 1, b) == 0;
    if (m == n + 1 && *b == '1')
        return strcmp(a, b + 1) == 0;
    return strcmp(a, b) == 0;
}

static bool is_about(const struct trace *trace, const struct capture_booking *b)
{
    switch (trace->kind) {
    case KIND_NUMBER:
        return is_number(trace->what, b->number);
    case KIND_TRUNK:
        return b->tg[0] && strcmp(trace->account, b->account) == 0 &&
               strcmp(trace->what, b->tg) == 0;
    case KIND_CALL:
        return strcmp(trace->what, b->call) == 0;
    default:
        return false;
    }
}

static void offer_booking(struct capture_traces *t, struct trace *trace,
                          const struct capture_booking *b)
{
    struct traced_call *call = trace_find_call(trace, b->call_id);
    if (call && (call->call[0] || !b->call[0]))
        return;
    if (!is_open(t, trace) || !is_about(trace, b))
        return;
    bool fresh = !call;
    if (fresh)
        call = trace_enter_call(trace, b->call_id, b->call);
    if (!call)
        return;
    text_set(call->call, sizeof call->call, b->call);
    tell_call(t, trace, call);
    if (fresh)
        add_since(t, trace, call, b->mark);
}

static void on_trunk(void *arg, const struct redisReply *reply, int err)
{
    struct trunk_question *q = arg;
    if (err == ERR_OK && reply_check(reply) == ERR_OK &&
        strcmp(reply_text(reply, 1), q->account) == 0) {
        struct capture_booking b = {.call_id = span_of(q->callid),
                                    .call = q->call,
                                    .account = q->account,
                                    .tg = reply_text(reply, 2),
                                    .number = q->number,
                                    .mark = q->mark};
        if (b.tg[0])
            capture_traces_booking(q->owner, &b);
    }
    free(q);
}

/* The trunk of a number of ours, for a trace of one of the account's trunks. */
static void ask_trunk(struct capture_traces *t, const struct capture_booking *b)
{
    struct trunk_question *q = calloc(1, sizeof *q);
    if (!q)
        return;
    q->owner = t;
    q->mark = b->mark;
    text_set_span(q->callid, sizeof q->callid, b->call_id);
    text_set(q->call, sizeof q->call, b->call);
    text_set(q->account, sizeof q->account, b->account);
    text_set(q->number, sizeof q->number, b->number);
    if (store_ask(t->store, on_trunk, q, "did_route", key_did(b->number).text, 0, NULL) != ERR_OK)
        free(q);
}

void capture_traces_booking(struct capture_traces *t, const struct capture_booking *b)
{
    struct trace *trace, *next;
    bool ask = false;
    if (!t->list || b->call_id.n == 0 || b->call_id.n > CAPTURE_CALL_ID)
        return;
    HASH_ITER(hh, t->list, trace, next)
    {
        offer_booking(t, trace, b);
        ask |= trace->kind == KIND_TRUNK && !b->tg[0] && b->account[0] &&
               strcmp(trace->account, b->account) == 0;
    }
    if (ask)
        ask_trunk(t, b);
}

/* ---- life ---- */

int capture_traces_new(struct capture_traces **ret, uv_loop_t *loop,
                       const struct capture_ring *ring)
{
    struct capture_traces *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    if (capture_scans_new(&t->scans, loop, ring) != ERR_OK) {
        free(t);
        return ERR_NOMEM;
    }
    t->loop = loop;
    t->ring = ring;
    uv_timer_init(loop, &t->refresh);
    t->refresh.data = t;
    *ret = t;
    return ERR_OK;
}

int capture_traces_link(struct capture_traces *t, struct store *store)
{
    t->store = store;
    return trace_sync_start(t);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void capture_traces_close(struct capture_traces *t)
{
    struct trace *trace, *next;
    if (!t)
        return;
    HASH_ITER(hh, t->list, trace, next)
    {
        trace_forget(t, trace);
    }
    capture_scans_close(t->scans);
    uv_close((uv_handle_t *)&t->refresh, on_closed);
}

bool capture_traces_any(const struct capture_traces *t)
{
    return t->list != NULL;
}

struct capture_trace_counts capture_traces_counts(const struct capture_traces *t)
{
    return t->counts;
}
