#include "tally.h"

#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "metrics_http.h"
#include "schema.h"

enum { BOOKS_SHEET = 0 };

enum family {
    FAMILY_BUILD,
    FAMILY_READY,
    FAMILY_SCHEMA,
    FAMILY_REDIS_SECONDS,
    FAMILY_REDIS_FAILURES,
    FAMILY_REQUESTS,
    FAMILY_REQUEST_SECONDS,
    FAMILY_RUNS,
    FAMILY_RUN_SECONDS,
    FAMILY_SUCCESS,
    FAMILY_JOB_LAG,
    FAMILY_LEADER,
    FAMILY_DELIVERIES,
    FAMILIES,
};

/* clang-format off */
static const struct metric_family TABLE[FAMILIES + 1] = {
    [FAMILY_BUILD] = {"trunkline_build_info", METRIC_GAUGE, 1, {"program", "version", "schema"}, 2, {0},
        "Always 1; program, version, and the schema that it needs."},
    [FAMILY_READY] = {"trunkline_ready", METRIC_GAUGE, 1, {0}, 1, {0},
        "1: the schema is loaded, and requests are served."},
    [FAMILY_SCHEMA] = {"trunkline_redis_schema_version", METRIC_GAUGE, 1, {0}, 1, {0},
        "Schema that Redis holds, as last seen; 0: none."},
    [FAMILY_REDIS_SECONDS] = {"trunkline_redis_call_seconds", METRIC_HISTOGRAM, 1000000, {0}, 1,
        {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000},
        "Time of a round trip to Redis, with one command or several."},
    [FAMILY_REDIS_FAILURES] = {"trunkline_redis_failures_total", METRIC_COUNTER, 1, {"cause"}, 4, {0},
        "Round trips without a reply: in time, or because the link broke."},
    [FAMILY_REQUESTS] = {"trunkline_http_requests_total", METRIC_COUNTER, 1, {"endpoint", "code"}, 500, {0},
        "Requests answered; file: a link to a file, page: the reference, ops: the ops page, none: no endpoint."},
    [FAMILY_REQUEST_SECONDS] = {"trunkline_http_request_seconds", METRIC_HISTOGRAM, 1000000, {"endpoint"}, 50,
        {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 2500000, 10000000},
        "Time from a whole request to its reply."},
    [FAMILY_RUNS] = {"trunkline_job_runs_total", METRIC_COUNTER, 1, {"task", "result"}, 100, {0},
        "Runs of background jobs on this trunkd."},
    [FAMILY_RUN_SECONDS] = {"trunkline_job_duration_seconds", METRIC_GAUGE, 1000000, {"task"}, 40, {0},
        "Time that a job's latest run took."},
    [FAMILY_SUCCESS] = {"trunkline_job_last_success_timestamp_seconds", METRIC_GAUGE, 1000, {"task"}, 40, {0},
        "When a job last went well on this trunkd, seconds since the epoch."},
    [FAMILY_JOB_LAG] = {"trunkline_job_lag_seconds", METRIC_GAUGE, 1000, {"task"}, 40, {0},
        "How much later than its interval a job's latest run that went well came."},
    [FAMILY_LEADER] = {"trunkline_job_leader", METRIC_GAUGE, 1, {"task"}, 40, {0},
        "1: this trunkd runs the job, 0: another does."},
    [FAMILY_DELIVERIES] = {"trunkline_webhook_deliveries_total", METRIC_COUNTER, 1, {"result"}, 4,
        {0}, "Tries to deliver an event to a webhook; dead: the last one of an event failed."},
    [FAMILIES] = {0},
};
/* clang-format on */

struct tally {
    struct metrics *metrics;
    struct metrics_http *http; /* NULL: not served */
};

static const char *const DELIVERIES[TALLY_DELIVERIES] = {"arrived", "failed", "dead"};

static struct metric *labelled(const struct tally *t, enum family f, const char *value)
{
    const char *const values[] = {value};
    return metrics_get(t->metrics, f, values);
}

int tally_new(struct tally **ret, const struct conf *conf)
{
    char error[METRICS_HTTP_ERROR], schema[12];
    struct tally *t = calloc(1, sizeof(*t));
    if (!t)
        return ERR_NOMEM;
    int err = metrics_new(&t->metrics, TABLE);
    if (err != ERR_OK) {
        free(t);
        return err;
    }
    snprintf(schema, sizeof(schema), "%d", SCHEMA_VERSION);
    const char *const build[] = {"trunkd", TRUNKLINE_VERSION, schema};
    metric_set(metrics_get(t->metrics, FAMILY_BUILD, build), 1);
    for (int i = 0; i < TALLY_DELIVERIES; i++) /* alerts ask for the change from 0 */
        labelled(t, FAMILY_DELIVERIES, DELIVERIES[i]);
    if (conf->metrics.trunkd[0] && metrics_http_open(&t->http, t->metrics, conf->metrics.trunkd,
                                                     conf->metrics.allow, error) != ERR_OK)
        log_warn("metrics.trunkd: %s: there is no /metrics", error);
    *ret = t;
    return ERR_OK;
}

void tally_free(struct tally *t)
{
    if (!t)
        return;
    metrics_http_close(t->http);
    metrics_free(t->metrics);
    free(t);
}

void tally_request(struct tally *t, const char *endpoint, int status, int64_t us)
{
    char code[12];
    snprintf(code, sizeof(code), "%d", status);
    const char *const values[] = {endpoint, code};
    metric_add(metrics_get(t->metrics, FAMILY_REQUESTS, values), 1);
    metric_observe(labelled(t, FAMILY_REQUEST_SECONDS, endpoint), us);
}

static int64_t wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void tally_job(struct tally *t, const char *job, enum tally_outcome outcome, int64_t us,
               int64_t interval_s)
{
    const char *const values[] = {job, outcome == TALLY_DONE ? "done" : "failed"};
    metric_add(metrics_get(t->metrics, FAMILY_RUNS, values), 1);
    metric_set(labelled(t, FAMILY_RUN_SECONDS, job), us);
    if (outcome != TALLY_DONE)
        return;
    struct metric *success = labelled(t, FAMILY_SUCCESS, job);
    int64_t now = wall_ms(), before = metric_value(success);
    int64_t lag = before ? now - before - interval_s * 1000 : 0;
    metric_set(labelled(t, FAMILY_JOB_LAG, job), lag > 0 ? lag : 0);
    metric_set(success, now);
}

void tally_leader(struct tally *t, const char *job, bool leads)
{
    metric_set(labelled(t, FAMILY_LEADER, job), leads);
}

void tally_delivery(struct tally *t, enum tally_delivery delivery)
{
    metric_add(labelled(t, FAMILY_DELIVERIES, DELIVERIES[delivery]), 1);
}

void tally_redis(void *arg, int64_t us, int err)
{
    struct tally *t = arg;
    if (err == ERR_OK)
        metric_observe(metrics_get(t->metrics, FAMILY_REDIS_SECONDS, NULL), us);
    else
        metric_add(
            labelled(t, FAMILY_REDIS_FAILURES, err == ERR_TIMEOUT ? "timeout" : "unavailable"), 1);
}

void tally_schema(struct tally *t, int64_t version, bool ready)
{
    metric_set(metrics_get(t->metrics, FAMILY_SCHEMA, NULL), version);
    metric_set(metrics_get(t->metrics, FAMILY_READY, NULL), ready);
}

void tally_books(struct tally *t, char *text)
{
    metrics_sheet(t->metrics, BOOKS_SHEET, text);
}
