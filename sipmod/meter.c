#include "meter.h"

#include <stdlib.h>

#include "core.h"
#include "log.h"
#include "meter_table.h"
#include "metrics_http.h"
#include "schema.h"

enum { REFRESH_MS = 1000, CLASSES = 7, TARGETS_SHEET = 0 };

static const char *const DROPS[METER_DROPS] = {
    [METER_STRANGER] = "stranger",
    [METER_STRAY_RESPONSE] = "stray_response",
    [METER_THROTTLED] = "throttled",
    [METER_WITHHELD] = "withheld",
};

struct meter {
    const struct conf *conf;
    struct metrics *metrics;
    struct metrics_http *http; /* NULL: not served */
    uint64_t refreshed_ms;
    int64_t calls_then;
    /* Series of each message or call. */
    struct metric *drops[METER_DROPS], *methods[METHODS], *classes[CLASSES];
    struct metric *calls[2], *answered[2]; /* by outbound */
    struct metric *shed, *admitted, *pdd, *duration, *redis;
    uint64_t requests, responses, faults; /* for the log */
};

/* ---- series ---- */

static struct metric *plain(const struct meter *m, enum meter_family f)
{
    return metrics_get(m->metrics, f, NULL);
}

static struct metric *labelled(const struct meter *m, enum meter_family f, const char *value)
{
    const char *const values[] = {value};
    return metrics_get(m->metrics, f, values);
}

static void find_series(struct meter *m)
{
    static const char *const classes[CLASSES] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx", "6xx"};
    static const char *const directions[] = {"in", "out"};
    for (size_t i = 0; i < METER_DROPS; i++)
        m->drops[i] = labelled(m, FAMILY_DROPPED, DROPS[i]);
    for (size_t i = 0; i < METHODS; i++)
        m->methods[i] = labelled(m, FAMILY_REQUESTS, msg_method_name((enum method)i));
    for (size_t i = 0; i < CLASSES; i++)
        m->classes[i] = labelled(m, FAMILY_RESPONSES, classes[i]);
    for (size_t i = 0; i < 2; i++) {
        m->calls[i] = labelled(m, FAMILY_CALLS, directions[i]);
        m->answered[i] = labelled(m, FAMILY_ANSWERED, directions[i]);
    }
    m->shed = plain(m, FAMILY_SHED);
    m->admitted = plain(m, FAMILY_ADMITTED);
    m->pdd = plain(m, FAMILY_PDD);
    m->duration = plain(m, FAMILY_DURATION);
    m->redis = plain(m, FAMILY_REDIS_SECONDS);
}

static void tell_build(const struct meter *m)
{
    char schema[12];
    snprintf(schema, sizeof schema, "%d", SCHEMA_VERSION);
    const char *const values[] = {"sipmod", TRUNKLINE_VERSION, schema};
    metric_set(metrics_get(m->metrics, FAMILY_BUILD, values), 1);
}

/* ---- life ---- */

static void serve(struct meter *m)
{
    char error[METRICS_HTTP_ERROR];
    if (!m->conf->metrics.sipmod[0])
        return;
    if (metrics_http_open(&m->http, m->metrics, m->conf->metrics.sipmod, m->conf->metrics.allow,
                          error) != ERR_OK)
        log_warn("metrics.sipmod: %s: there is no /metrics", error);
}

int meter_new(struct meter **ret, const struct conf *conf)
{
    struct meter *m = calloc(1, sizeof *m);
    if (!m)
        return ERR_NOMEM;
    m->conf = conf;
    int err = metrics_new(&m->metrics, meter_table);
    if (err != ERR_OK) {
        free(m);
        return err;
    }
    find_series(m);
    tell_build(m);
    serve(m);
    *ret = m;
    return ERR_OK;
}

static long long total(const struct metric *s)
{
    return (long long)metric_value(s);
}

void meter_free(struct meter *m)
{
    if (!m)
        return;
    log_info("requests %llu, responses %llu, malformed %llu, strangers %lld, stray responses %lld",
             (unsigned long long)m->requests, (unsigned long long)m->responses,
             (unsigned long long)m->faults, total(m->drops[METER_STRANGER]),
             total(m->drops[METER_STRAY_RESPONSE]));
    log_info("throttled %lld, withheld %lld, overloaded %lld", total(m->drops[METER_THROTTLED]),
             total(m->drops[METER_WITHHELD]), total(m->shed));
    metrics_http_close(m->http);
    metrics_free(m->metrics);
    free(m);
}

/* ---- messages ---- */

void meter_request(struct meter *m, enum method method)
{
    m->requests++;
    metric_add(m->methods[method], 1);
}

void meter_response(struct meter *m, int status)
{
    int class = status / 100;
    m->responses++;
    metric_add(m->classes[class > 0 && class < CLASSES ? class : 0], 1);
}

void meter_fault(struct meter *m, const char *kind)
{
    m->faults++;
    metric_add(labelled(m, FAMILY_FAULTS, kind), 1);
}

void meter_drop(struct meter *m, enum meter_drop why)
{
    metric_add(m->drops[why], 1);
}

/* ---- calls ---- */

void meter_shed(struct meter *m)
{
    metric_add(m->shed, 1);
}

void meter_call(struct meter *m, bool outbound)
{
    metric_add(m->calls[outbound], 1);
}

void meter_admitted(struct meter *m)
{
    metric_add(m->admitted, 1);
}

void meter_answered(struct meter *m, bool outbound, int64_t pdd_ms)
{
    metric_add(m->answered[outbound], 1);
    if (pdd_ms > 0)
        metric_observe(m->pdd, pdd_ms);
}

void meter_unanswered(struct meter *m, const char *reason)
{
    metric_add(labelled(m, FAMILY_UNANSWERED, reason), 1);
}

void meter_ended(struct meter *m, int64_t ms)
{
    if (ms >= 0)
        metric_observe(m->duration, ms);
}

void meter_redis(void *arg, int64_t us, int err)
{
    struct meter *m = arg;
    if (err == ERR_OK)
        metric_observe(m->redis, us);
    else
        metric_add(
            labelled(m, FAMILY_REDIS_FAILURES, err == ERR_TIMEOUT ? "timeout" : "unavailable"), 1);
}

/* ---- what others keep ---- */

static void set(const struct meter *m, enum meter_family f, uint64_t value)
{
    metric_set(plain(m, f), (int64_t)value);
}

static void set_of(const struct meter *m, enum meter_family f, const char *label, uint64_t value)
{
    metric_set(labelled(m, f, label), (int64_t)value);
}

static void read_transport(const struct meter *m, const struct core *core)
{
    const struct transport_counters *t = transport_counters(core->transport);
    set_of(m, FAMILY_MESSAGES, "in", t->received);
    set_of(m, FAMILY_MESSAGES, "out", t->sent);
    set_of(m, FAMILY_DROPPED, "too_large", t->too_large);
    set_of(m, FAMILY_DROPPED, "send_queue", t->send_dropped);
    set_of(m, FAMILY_CONNECTIONS, "accepted", t->accepted);
    set_of(m, FAMILY_CONNECTIONS, "made", t->connected);
    set_of(m, FAMILY_CONNECTIONS, "refused", t->refused);
}

static void read_transactions(const struct meter *m, const struct core *core)
{
    struct txn_counts t = txn_table_counts(core->txns);
    set_of(m, FAMILY_TRANSACTIONS, "server", t.servers);
    set_of(m, FAMILY_TRANSACTIONS, "client", t.clients);
    set(m, FAMILY_PENDING, t.pending);
    set_of(m, FAMILY_RESENT, "request", t.resent_requests);
    set_of(m, FAMILY_RESENT, "response", t.resent_responses);
    set(m, FAMILY_REPEATED, t.repeated);
    set(m, FAMILY_TIMEOUTS, t.timeouts);
}

static void read_store(const struct meter *m, const struct core *core)
{
    struct outbox_counts o = outbox_counts(core->outbox);
    set(m, FAMILY_REDIS_UP, store_is_up(core->store));
    set(m, FAMILY_REDIS_SCHEMA, (uint64_t)store_schema(core->store));
    set(m, FAMILY_FINISHED, o.finished);
    set(m, FAMILY_SPOOL_EVENTS, o.waiting);
    set(m, FAMILY_SPOOL_MEMORY, o.in_memory);
    set(m, FAMILY_SPOOL_BYTES, (uint64_t)o.spool_bytes);
}

static void read_capture(const struct meter *m, const struct core *core)
{
    struct capture_counts c = capture_counts(core->capture);
    set_of(m, FAMILY_CAPTURED, "ring", c.ring);
    set_of(m, FAMILY_CAPTURED, "trace", c.trace.added);
    set_of(m, FAMILY_CAPTURED, "file", c.file.written);
    set_of(m, FAMILY_CAPTURED, "hep", c.hep.sent);
    set_of(m, FAMILY_UNCAPTURED, "ring", c.left_out);
    set_of(m, FAMILY_UNCAPTURED, "trace", c.trace.dropped);
    set_of(m, FAMILY_UNCAPTURED, "file", c.file.dropped);
    set_of(m, FAMILY_UNCAPTURED, "hep", c.hep.dropped);
}

static void print_target(void *arg, const char *place, const char *protocol, bool down,
                         const char *why)
{
    (void)why;
    const char *const values[] = {place, protocol};
    metric_print(arg, &meter_target_up, values, !down);
}

static void tell_targets(const struct meter *m, const struct core *core)
{
    char *text = NULL;
    size_t size, all = health_count(core->health), down = health_down(core->health);
    FILE *out = open_memstream(&text, &size);
    set_of(m, FAMILY_TARGETS, "up", all - down);
    set_of(m, FAMILY_TARGETS, "down", down);
    if (!out)
        return;
    if (all > 0 && m->conf->metrics.targets > 0) {
        metric_print_head(out, &meter_target_up);
        health_list(core->health, (size_t)m->conf->metrics.targets, print_target, out);
    }
    if (fclose(out) == 0)
        metrics_sheet(m->metrics, TARGETS_SHEET, text);
    else
        free(text);
}

static void tell_rate(struct meter *m, uint64_t elapsed_ms)
{
    int64_t calls = metric_value(m->calls[0]) + metric_value(m->calls[1]);
    set(m, FAMILY_CPS, (uint64_t)(calls - m->calls_then) * 1000000 / elapsed_ms);
    m->calls_then = calls;
}

void meter_refresh(struct meter *m, struct core *core, uint64_t lag_ms)
{
    uint64_t now = uv_now(core->loop), elapsed_ms = now - m->refreshed_ms;
    if (elapsed_ms < REFRESH_MS)
        return;
    m->refreshed_ms = now;
    read_transport(m, core);
    read_transactions(m, core);
    read_store(m, core);
    read_capture(m, core);
    set(m, FAMILY_LIVE, dialogs_count(core->dialogs));
    set(m, FAMILY_WAITING, core->admissions);
    set(m, FAMILY_LAG, lag_ms);
    set(m, FAMILY_DRAINING, core->draining);
    tell_rate(m, elapsed_ms);
    if (m->http)
        tell_targets(m, core);
}
