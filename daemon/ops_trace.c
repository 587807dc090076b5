#include "ops_trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "reply.h"

enum { PAGE_ROWS = 100, MESSAGES_MOST = 300, WAIT_MS = 2000, PAUSE_MS = 20, ALIVE_MS = 15000 };

#define PAGE         "100"
#define RING_KEEP_MS "60000"
#define RING_MOST    "1000"

/* Any bytes as a text: what is no UTF-8 is shown as '?'. */
static json_t *text_of(struct span s)
{
    json_t *value = json_stringn(s.p, s.n);
    char *copy = value ? NULL : malloc(s.n + 1);
    if (!copy)
        return value;
    for (size_t i = 0; i < s.n; i++)
        copy[i] = (unsigned char)s.p[i] < 0x80 ? s.p[i] : '?';
    value = json_stringn(copy, s.n);
    free(copy);
    return value;
}

static void take_row(json_t *list, const struct table *t, size_t row)
{
    static const char *const names[] = {"node", "dir", "proto", "from", "to"};
    struct span data = reply_span(t->reply, t->at + t->columns * (row + 2) - 1);
    if (!*table_text(t, row, "dir") || json_array_size(list) >= MESSAGES_MOST)
        return; /* another call's */
    json_t *m =
        json_pack("{s:I s:o}", "at", (json_int_t)table_int(t, row, "at", 0), "data", text_of(data));
    for (size_t i = 0; m && i < sizeof(names) / sizeof(*names); i++)
        json_object_set_new(m, names[i], text_of(span_of(table_text(t, row, names[i]))));
    json_array_append_new(list, m);
}

static int read_page(struct op *op, const char *id, const char *callid, const char **after,
                     json_t *list, bool *ret_more)
{
    struct redisReply *r = NULL;
    struct table t;
    int err = redis_fcall_ro(op->redis, &r, "trace_packets", key_trace(id).text, *after, PAGE,
                             callid, NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    size_t rows = err == ERR_OK ? t.rows : 0;
    for (size_t i = 0; i < rows; i++)
        take_row(list, &t, i);
    if (rows)
        *after = scratch_text(op->mem, span_of(table_text(&t, rows - 1, "entry")));
    *ret_more = rows == PAGE_ROWS && *after && json_array_size(list) < MESSAGES_MOST;
    reply_free(r);
    return err;
}

static int read_trace(struct op *op, const char *id, const char *callid, json_t *list)
{
    const char *after = "";
    bool more = true;
    int err = ERR_OK;
    while (err == ERR_OK && more)
        err = read_page(op, id, callid, &after, list, &more);
    return err;
}

/* The latest trace that has some. */
static int read_traces(struct op *op, const char *callid, json_t *list)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(op->redis, &r, "index_list", KEY_TRACES, NULL);
    for (size_t i = reply_count(r); err == ERR_OK && i > 1 && json_array_size(list) == 0; i--)
        err = read_trace(op, reply_text(r, i - 1), callid, list);
    reply_free(r);
    return err;
}

/* ---- the sipmods' memory ---- */

static int count_alive(struct op *op, size_t *ret)
{
    struct redisReply *names = NULL;
    int err = redis_fcall_ro(op->redis, &names, "index_list", KEY_NODES, NULL);
    *ret = 0;
    for (size_t i = 1; err == ERR_OK && i < reply_count(names); i++) {
        struct redisReply *r = NULL;
        err = redis_fcall_ro(op->redis, &r, "node_get", key_node(reply_text(names, i)).text, NULL);
        int64_t seen = err == ERR_OK ? strtoll(reply_field(r, 2, "seen"), NULL, 10) : 0;
        *ret += err == ERR_OK && reply_int(r, 1, 0) - seen < ALIVE_MS;
        err = err == ERR_REFUSED ? ERR_OK : err;
        reply_free(r);
    }
    reply_free(names);
    return err;
}

static int count_done(struct op *op, const char *id, size_t *ret)
{
    struct redisReply *r = NULL;
    struct table t;
    int err = redis_fcall_ro(op->redis, &r, "trace_nodes", key_trace(id).text, NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    *ret = 0;
    for (size_t i = 0; err == ERR_OK && i < t.rows; i++)
        *ret += table_int(&t, i, "done", 0) == 1;
    reply_free(r);
    return err;
}

static int wait_for(struct op *op, const char *id, size_t nodes)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    int64_t until = clock_boot_ms() + WAIT_MS;
    size_t done = 0;
    int err = count_done(op, id, &done);
    while (err == ERR_OK && done < nodes && clock_boot_ms() < until) {
        nanosleep(&pause, NULL);
        err = count_done(op, id, &done);
    }
    return err;
}

static int call(struct op *op, const char *function, const char *id)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(op->redis, &r, function, key_trace(id).text, NULL);
    reply_free(r);
    return err;
}

static int ask_rings(struct op *op, const char *callid, json_t *list)
{
    const char *id = NULL;
    struct redisReply *r = NULL;
    size_t nodes = 0;
    int err = count_alive(op, &nodes);
    if (err != ERR_OK || nodes == 0)
        return err;
    err = op_next(op, "trace", 1, &id);
    if (err == ERR_OK)
        err = redis_fcall(op->redis, &r, "trace_start", key_trace(id).text, "ring", callid, "",
                          op->who ? op->who : "", "0", RING_KEEP_MS, RING_MOST, NULL);
    reply_free(r);
    if (err == ERR_OK)
        err = wait_for(op, id, nodes);
    if (err == ERR_OK)
        err = read_trace(op, id, "", list);
    return err == ERR_OK ? call(op, "trace_remove", id) : err;
}

/* ---- */

static int by_time(const void *a, const void *b)
{
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "at")),
               y = json_integer_value(json_object_get(*(json_t *const *)b, "at"));
    return (x > y) - (x < y);
}

/* The messages in their order; takes the list. NULL when out of memory. */
static json_t *sorted(json_t *list)
{
    size_t n = json_array_size(list);
    json_t **order = calloc(n + 1, sizeof(json_t *)), *out = order ? json_array() : NULL;
    for (size_t i = 0; out && i < n; i++)
        order[i] = json_array_get(list, i);
    if (out)
        qsort((void *)order, n, sizeof(json_t *), by_time);
    for (size_t i = 0; out && i < n; i++)
        json_array_append(out, order[i]);
    free((void *)order);
    json_decref(list);
    return out;
}

int ops_trace(struct op *op, const char *callid, json_t **ret)
{
    json_t *list = json_array();
    int err = list ? ERR_OK : ERR_NOMEM;
    if (err == ERR_OK && callid && *callid)
        err = read_traces(op, callid, list);
    if (err == ERR_OK && callid && *callid && json_array_size(list) == 0)
        err = ask_rings(op, callid, list);
    if (err != ERR_OK) {
        json_decref(list);
        return err;
    }
    *ret = sorted(list);
    return *ret ? ERR_OK : ERR_NOMEM;
}
