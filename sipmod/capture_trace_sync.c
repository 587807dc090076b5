#include "capture_trace_priv.h"

#include <stdlib.h>

#include "keys.h"
#include "log.h"
#include "text.h"

enum { REFRESH_MS = 5000 };

static const char *const KIND_WORDS[TRACE_KINDS] = {
    [KIND_OTHER] = "",    [KIND_NUMBER] = "number", [KIND_TRUNK] = "trunk",
    [KIND_CALL] = "call", [KIND_RING] = "ring",
};

struct question {
    struct capture_traces *owner;
    char id[TRACE_ID];
};

static enum trace_kind kind_of(const char *word)
{
    for (enum trace_kind k = KIND_NUMBER; k < TRACE_KINDS; k++) {
        if (strcmp(KIND_WORDS[k], word) == 0)
            return k;
    }
    return KIND_OTHER;
}

static struct question *question(struct capture_traces *t, const char *id)
{
    struct question *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->owner = t;
    text_set(q->id, sizeof q->id, id);
    return q;
}

static void on_calls(void *arg, const struct redisReply *reply, int err)
{
    struct question *q = arg;
    struct trace *trace = trace_find(q->owner, q->id);
    struct table table;
    if (trace && err == ERR_OK && reply_check(reply) == ERR_OK &&
        table_open(reply, 1, &table) == ERR_OK) {
        for (size_t i = 0; i < table.rows; i++) {
            struct span callid = span_of(table_text(&table, i, "callid"));
            struct traced_call *call = trace_find_call(trace, callid);
            if (!call && (call = trace_enter_call(trace, callid, table_text(&table, i, "call"))))
                trace_search(q->owner, trace, callid, call);
        }
    }
    free(q);
}

static void ask_calls(struct capture_traces *t, const char *id)
{
    struct question *q = question(t, id);
    if (q && store_ask(t->store, on_calls, q, "trace_calls", key_trace(id).text, 0, NULL) != ERR_OK)
        free(q);
}

static struct trace *learn(struct capture_traces *t, const char *id, const struct redisReply *reply)
{
    struct trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return NULL;
    text_set(trace->id, sizeof trace->id, id);
    trace->kind = kind_of(reply_field(reply, 2, "kind"));
    trace->listed = true;
    text_set(trace->what, sizeof trace->what, reply_field(reply, 2, "what"));
    text_set(trace->account, sizeof trace->account, reply_field(reply, 2, "account"));
    HASH_ADD_STR(t->list, id, trace);
    log_debug("trace %s: %s %s", id, reply_field(reply, 2, "kind"), trace->what);
    if (trace->kind == KIND_CALL || trace->kind == KIND_RING)
        trace_search(t, trace, span_of(trace->what), NULL);
    return trace;
}

static int64_t number_field(const struct redisReply *reply, const char *field)
{
    return strtoll(reply_field(reply, 2, field), NULL, 10);
}

static void take(struct capture_traces *t, const char *id, const struct redisReply *reply)
{
    struct trace *trace = trace_find(t, id);
    int64_t left = number_field(reply, "until") - reply_int(reply, 1, 0);
    if (number_field(reply, "stopped") != 0) {
        if (trace)
            trace_forget(t, trace);
        return;
    }
    if (!trace)
        trace = learn(t, id, reply);
    if (!trace)
        return;
    trace->until_ms = uv_now(t->loop) + (uint64_t)(left > 0 ? left : 0);
    trace->most = (size_t)number_field(reply, "most");
    size_t held = (size_t)number_field(reply, "packets");
    trace->sent = held > trace->sent ? held : trace->sent;
    if (number_field(reply, "calls") > (int64_t)HASH_COUNT(trace->calls))
        ask_calls(t, id);
}

static void on_trace(void *arg, const struct redisReply *reply, int err)
{
    struct question *q = arg;
    int result = err == ERR_OK ? reply_check(reply) : err;
    struct trace *known = trace_find(q->owner, q->id);
    if (result == ERR_OK)
        take(q->owner, q->id, reply);
    else if (result == ERR_REFUSED && known)
        trace_forget(q->owner, known);
    free(q);
}

static void ask_trace(struct capture_traces *t, const char *id)
{
    struct question *q = question(t, id);
    if (q && store_ask(t->store, on_trace, q, "trace_get", key_trace(id).text, 0, NULL) != ERR_OK)
        free(q);
}

/* A trace changed, or one that is for us alone was asked. */
static void on_message(void *arg, struct span channel, struct span message)
{
    char id[TRACE_ID];
    (void)channel;
    if (span_copy(message, id, sizeof id))
        ask_trace(arg, id);
}

/* In case a message was missed, and after a start. Those that are no longer listed are forgotten.
 */
static void on_index(void *arg, const struct redisReply *reply, int err)
{
    struct capture_traces *t = arg;
    struct trace *trace, *next;
    if (err != ERR_OK || raw_is_error(reply))
        return;
    HASH_ITER(hh, t->list, trace, next)
    {
        trace->listed = trace->kind == KIND_RING;
    }
    for (size_t i = 0; i < raw_count(reply) && i < TRACES_KNOWN; i++) {
        trace = trace_find(t, raw_text(raw_at(reply, i)));
        if (trace)
            trace->listed = true;
        ask_trace(t, raw_text(raw_at(reply, i)));
    }
    HASH_ITER(hh, t->list, trace, next)
    {
        if (!trace->listed)
            trace_forget(t, trace);
    }
}

static void on_refresh(uv_timer_t *timer)
{
    struct capture_traces *t = timer->data;
    bool due = t->store && store_is_up(t->store);
    uv_timer_start(timer, on_refresh, due ? REFRESH_MS : REFRESH_MS / 10, 0);
    if (due && store_members(t->store, on_index, t, KEY_TRACES) != ERR_OK)
        uv_timer_start(timer, on_refresh, REFRESH_MS / 10, 0);
}

int trace_sync_start(struct capture_traces *t)
{
    uv_timer_start(&t->refresh, on_refresh, 0, 0);
    return store_listen(t->store, CHANNEL_TRACE, on_message, t);
}
