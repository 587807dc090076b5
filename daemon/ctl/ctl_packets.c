#include "ctl_packets.h"

#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "ctl_audit.h"

enum { PAGE = 100, CALL_ID = 20, WAIT_MS = 5000, PAUSE_MS = 20, BUSY_MS = 15000 };

#define RING_KEEP_MS "60000"
#define RING_PACKETS "5000"

/* ---- reading ---- */

static void packet_free(struct ctl_packet *p)
{
    free(p->callid);
    free(p->call);
    free(p->node);
    free(p->dir);
    free(p->proto);
    free((char *)p->data.p);
}

void ctl_packets_free(struct ctl_packets *p)
{
    for (size_t i = 0; i < p->n; i++)
        packet_free(&p->v[i]);
    free(p->v);
    *p = (struct ctl_packets){0};
}

/* Any bytes: the last column of a row. */
static struct span data_of(const struct table *t, size_t row)
{
    return reply_span(t->reply, t->at + t->columns * (row + 2) - 1);
}

static void take_row(const struct table *t, size_t row, struct ctl_packets *into)
{
    struct addr from, to;
    struct span data = data_of(t, row);
    if (addr_parse_port(span_of(table_text(t, row, "from")), 0, &from) != ERR_OK ||
        addr_parse_port(span_of(table_text(t, row, "to")), 0, &to) != ERR_OK)
        return; /* another call's */
    into->v = ctl_grow(into->v, (into->n + 1) * sizeof *into->v);
    into->v[into->n++] = (struct ctl_packet){
        .at_us = table_int(t, row, "at", 0),
        .callid = ctl_copy(span_of(table_text(t, row, "callid"))),
        .call = ctl_copy(span_of(table_text(t, row, "call"))),
        .node = ctl_copy(span_of(table_text(t, row, "node"))),
        .dir = ctl_copy(span_of(table_text(t, row, "dir"))),
        .proto = ctl_copy(span_of(table_text(t, row, "proto"))),
        .from = from,
        .to = to,
        .data = {ctl_copy(data), data.n}
    };
}

/* Those of a trace; `call` "": of all its calls. */
static bool read_trace(struct ctl *c, const char *id, const char *call, struct ctl_packets *into)
{
    char after[48] = "", page[8];
    snprintf(page, sizeof page, "%d", PAGE);
    for (;;) {
        struct redisReply *reply;
        struct table t;
        if (!ctl_read(c, NULL, &reply, "trace_packets", key_trace(id).text, after, page, call,
                      NULL))
            return false;
        bool more = table_open(reply, 1, &t) == ERR_OK && t.rows > 0;
        for (size_t i = 0; more && i < t.rows; i++)
            take_row(&t, i, into);
        if (more)
            more = span_copy(span_of(table_text(&t, t.rows - 1, "entry")), after, sizeof after);
        reply_free(reply);
        if (!more)
            return true;
    }
}

/* *ret: whether there is such a trace. False after a message. */
static bool trace_exists(struct ctl *c, const char *id, bool *ret)
{
    struct redisReply *reply = NULL;
    int err = redis_fcall_ro(c->redis, &reply, "trace_get", key_trace(id).text, NULL);
    *ret = err == ERR_OK;
    bool good = err == ERR_OK || err == ERR_REFUSED || ctl_explain(c, err, reply, NULL) == CTL_DONE;
    reply_free(reply);
    return good;
}

bool ctl_packets_traces(struct ctl *c, struct names *ret)
{
    struct names all = {0};
    bool good = ctl_index(c, KEY_TRACES, &all);
    for (size_t i = 0; good && i < all.n; i++) {
        bool there;
        good = trace_exists(c, all.v[i], &there);
        if (good && there)
            ctl_names_add(ret, all.v[i]);
        else if (good)
            good = ctl_call(c, NULL, NULL, "index_remove", KEY_TRACES, all.v[i], NULL);
    }
    ctl_names_free(&all);
    return good;
}

static bool read_traces(struct ctl *c, const char *call, struct ctl_packets *into)
{
    struct names traces = {0};
    bool good = ctl_packets_traces(c, &traces);
    for (size_t i = traces.n; good && into->n == 0 && i > 0; i--)
        good = read_trace(c, traces.v[i - 1], call, into);
    ctl_names_free(&traces);
    return good;
}

/* ---- asking the rings ---- */

static void add_running(void *arg, const char *node, const struct redisReply *reply)
{
    struct names *running = arg;
    int64_t seen = strtoll(reply_field(reply, 2, "seen"), NULL, 10);
    if (reply_int(reply, 1, 0) - seen < BUSY_MS)
        ctl_names_add(running, node);
}

static bool find_running(struct ctl *c, struct names *ret)
{
    struct names nodes = {0};
    bool good = ctl_index(c, KEY_NODES, &nodes) &&
                ctl_each(c, &nodes, key_node, "node_get", NULL, add_running, ret);
    ctl_names_free(&nodes);
    return good;
}

static bool is_done(const struct table *t, const char *node)
{
    for (size_t i = 0; i < t->rows; i++) {
        if (strcmp(table_text(t, i, "node"), node) == 0)
            return table_int(t, i, "done", 0) == 1;
    }
    return false;
}

/* The first of the nodes that has not answered; NULL: all have. */
static bool find_silent(struct ctl *c, const char *id, const struct names *nodes, const char **ret)
{
    struct redisReply *reply;
    struct table t;
    if (!ctl_read(c, NULL, &reply, "trace_nodes", key_trace(id).text, NULL))
        return false;
    bool any = table_open(reply, 1, &t) == ERR_OK;
    *ret = NULL;
    for (size_t i = 0; i < nodes->n && !*ret; i++) {
        if (!any || !is_done(&t, nodes->v[i]))
            *ret = nodes->v[i];
    }
    reply_free(reply);
    return true;
}

static bool wait_for(struct ctl *c, const char *id, const struct names *nodes)
{
    static const struct timespec PAUSE = {.tv_nsec = PAUSE_MS * 1000000};
    int64_t until = clock_boot_ms() + WAIT_MS;
    const char *silent;
    for (;;) {
        if (!find_silent(c, id, nodes, &silent))
            return false;
        if (!silent || clock_boot_ms() > until)
            break;
        nanosleep(&PAUSE, NULL);
    }
    if (silent)
        ctl_fail("%s did not answer: its messages are missing", silent);
    return true;
}

static bool ask_rings(struct ctl *c, const char *call, struct ctl_packets *into)
{
    struct names nodes = {0};
    struct redisReply *reply;
    if (!find_running(c, &nodes) ||
        !ctl_call(c, NULL, &reply, "seq_next", key_sequence("trace").text, "1", NULL)) {
        ctl_names_free(&nodes);
        return false;
    }
    char *id = ctl_copy(reply_span(reply, 1));
    reply_free(reply);
    bool good = ctl_call(c, NULL, NULL, "trace_start", key_trace(id).text, "ring", call, "",
                         ctl_audit_operator(), "0", RING_KEEP_MS, RING_PACKETS, NULL) &&
                wait_for(c, id, &nodes) && read_trace(c, id, "", into) &&
                ctl_call(c, NULL, NULL, "trace_remove", key_trace(id).text, NULL);
    free(id);
    ctl_names_free(&nodes);
    return good;
}

/* ---- */

static int by_time(const void *a, const void *b)
{
    const struct ctl_packet *x = a, *y = b;
    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

/* A call has the id of its first booking: "ID-1" is the second one's. */
static char *first_id(const char *call)
{
    static const char HEX[] = "0123456789abcdef";
    bool second = strspn(call, HEX) == CALL_ID && call[CALL_ID] == '-';
    return ctl_copy((struct span){call, second ? CALL_ID : strlen(call)});
}

static bool is_trace_id(const char *call)
{
    size_t n = strlen(call);
    return n <= 12 && strspn(call, "0123456789") == n && call[0] != '0';
}

static bool load(struct ctl *c, const char *call, struct ctl_packets *ret)
{
    bool trace = false;
    if (is_trace_id(call) && !trace_exists(c, call, &trace))
        return false;
    if (trace)
        return read_trace(c, call, "", ret);
    return read_traces(c, call, ret) && (ret->n > 0 || ask_rings(c, call, ret));
}

bool ctl_packets_load(struct ctl *c, const char *call, struct ctl_packets *ret)
{
    struct ctl_packets packets = {0};
    char *id = first_id(call);
    bool good = load(c, id, &packets);
    free(id);
    if (good && packets.n == 0)
        ctl_fail("CALL: no trace and no running sipmod has messages of it");
    if (!good || packets.n == 0) {
        ctl_packets_free(&packets);
        return false;
    }
    qsort(packets.v, packets.n, sizeof *packets.v, by_time);
    *ret = packets;
    return true;
}
