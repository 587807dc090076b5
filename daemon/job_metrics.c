/* Figures of all accounts for /metrics: what was admitted against what has a CDR or is live, the
 * trunks with the most calls, heartbeats of the sipmods. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "job_private.h"
#include "keys.h"
#include "metrics.h"
#include "num.h"
#include "reply.h"
#include "tally.h"

enum { NODES_TOLD = 1000 };

enum family { ACCOUNTS, ADMITTED, REFUSED, CDRS, LIVE, GAP, UNBALANCED, HELD, SUMS };

/* clang-format off */
static const struct metric_family SUM_FAMILIES[SUMS] = {
    [ACCOUNTS] = {"trunkline_accounts", METRIC_GAUGE, 1, {0}, 1, {0}, "Accounts."},
    [ADMITTED] = {"trunkline_books_admitted_total", METRIC_COUNTER, 1, {0}, 1, {0},
        "Calls admitted, of all accounts and nodes, ever."},
    [REFUSED] = {"trunkline_books_refused_total", METRIC_COUNTER, 1, {0}, 1, {0},
        "Calls refused at admission, with a CDR each."},
    [CDRS] = {"trunkline_books_cdrs_total", METRIC_COUNTER, 1, {0}, 1, {0},
        "CDRs written, those of refused calls too."},
    [LIVE] = {"trunkline_books_live_calls", METRIC_GAUGE, 1, {0}, 1, {0}, "Calls that hold a session."},
    [GAP] = {"trunkline_books_gap", METRIC_GAUGE, 1, {0}, 1, {0},
        "Admitted and refused calls less CDRs less live calls: always 0 (trunkctl reconcile tells more)."},
    [UNBALANCED] = {"trunkline_books_unbalanced_accounts", METRIC_GAUGE, 1, {0}, 1, {0},
        "Accounts whose own gap is not 0."},
    [HELD] = {"trunkline_books_held_dollars", METRIC_GAUGE, 10000, {0}, 1, {0},
        "Money that live calls hold."},
};

enum trunk_family { CALLS, ANSWERED, SECONDS, SESSIONS, LIMIT, ASR, ACD, TRUNK_FAMILIES };

static const struct metric_family TRUNK_TABLE[TRUNK_FAMILIES] = {
    [CALLS] = {"trunkline_trunk_calls_total", METRIC_COUNTER, 1, {"account", "trunk", "direction"}, 0, {0},
        "Calls of a trunk that ended or were refused, ever."},
    [ANSWERED] = {"trunkline_trunk_answered_total", METRIC_COUNTER, 1, {"account", "trunk", "direction"}, 0, {0},
        "Those of them that were answered."},
    [SECONDS] = {"trunkline_trunk_answered_seconds_total", METRIC_COUNTER, 1000,
        {"account", "trunk", "direction"}, 0, {0}, "Time that they lasted."},
    [SESSIONS] = {"trunkline_trunk_sessions", METRIC_GAUGE, 1, {"account", "trunk", "direction"}, 0, {0},
        "Live calls of a trunk."},
    [LIMIT] = {"trunkline_trunk_sessions_limit", METRIC_GAUGE, 1, {"account", "trunk", "direction"}, 0, {0},
        "Most calls at once that are granted; of a trunk without a limit absent."},
    [ASR] = {"trunkline_trunk_asr_ratio", METRIC_GAUGE, 10000, {"account", "trunk", "direction"}, 0, {0},
        "Share of today's calls (UTC) that were answered; absent without calls."},
    [ACD] = {"trunkline_trunk_acd_seconds", METRIC_GAUGE, 1000, {"account", "trunk", "direction"}, 0, {0},
        "Average time that today's answered calls lasted; absent without such."},
};

static const struct metric_family NODE_SILENT = {"trunkline_node_silent_seconds", METRIC_GAUGE, 1000,
    {"node"}, 0, {0}, "Time since the latest heartbeat of a sipmod."};
/* clang-format on */

enum { ABSENT = -1 };

struct trunk {
    char account[24], id[16], direction[8];
    int64_t values[TRUNK_FAMILIES]; /* ABSENT: not told */
};

struct figures {
    int64_t sums[SUMS];
    struct trunk *trunks; /* in run->mem */
    size_t n, most;
};

/* Of two trunks the one to be told rather: the busier, else the one with more calls. */
static bool is_more(const struct trunk *a, const struct trunk *b)
{
    return a->values[SESSIONS] != b->values[SESSIONS] ? a->values[SESSIONS] > b->values[SESSIONS]
                                                      : a->values[CALLS] > b->values[CALLS];
}

/* Keeps the `most` first ones: a heap whose root is the least of them. */
static void keep(struct figures *f, const struct trunk *t)
{
    struct trunk *heap = f->trunks;
    size_t i = 0, child;
    if (f->n < f->most) {
        for (i = f->n++; i > 0 && is_more(&heap[(i - 1) / 2], t); i = (i - 1) / 2)
            heap[i] = heap[(i - 1) / 2];
        heap[i] = *t;
        return;
    }
    if (f->most == 0 || !is_more(t, &heap[0]))
        return;
    for (; (child = 2 * i + 1) < f->n; i = child) {
        if (child + 1 < f->n && is_more(&heap[child], &heap[child + 1]))
            child++;
        if (!is_more(t, &heap[child]))
            break;
        heap[i] = heap[child];
    }
    heap[i] = *t;
}

static void read_trunk(const char *account, const struct table *t, size_t row, struct trunk *ret)
{
    int64_t today = table_int(t, row, "today", 0), up = table_int(t, row, "today_answered", 0);
    *ret = (struct trunk){0};
    snprintf(ret->account, sizeof(ret->account), "%s", account);
    snprintf(ret->id, sizeof(ret->id), "%s", table_text(t, row, "tg"));
    snprintf(ret->direction, sizeof(ret->direction), "%s", table_text(t, row, "direction"));
    ret->values[CALLS] = table_int(t, row, "processed", 0);
    ret->values[ANSWERED] = table_int(t, row, "completed", 0);
    ret->values[SECONDS] = table_int(t, row, "ms", 0);
    ret->values[SESSIONS] = table_int(t, row, "busy", 0);
    ret->values[LIMIT] = table_int(t, row, "sessions", ABSENT);
    ret->values[ASR] = today > 0 ? up * 10000 / today : ABSENT;
    ret->values[ACD] = up > 0 ? table_int(t, row, "today_ms", 0) / up : ABSENT;
}

static int add_account(struct job_run *run, void *arg, const char *account,
                       const struct redisReply *r)
{
    enum { ADMITTED_AT = 1, REFUSED_AT, CDRS_AT, LIVE_AT, HELD_AT, TABLE_AT };
    (void)run;
    struct figures *f = arg;
    struct table t;
    struct trunk trunk;
    int64_t admitted = reply_int(r, ADMITTED_AT, 0), refused = reply_int(r, REFUSED_AT, 0),
            cdrs = reply_int(r, CDRS_AT, 0), live = reply_int(r, LIVE_AT, 0);
    int64_t gap = admitted + refused - cdrs - live;
    f->sums[ACCOUNTS]++;
    f->sums[ADMITTED] += admitted;
    f->sums[REFUSED] += refused;
    f->sums[CDRS] += cdrs;
    f->sums[LIVE] += live;
    f->sums[GAP] += gap;
    f->sums[UNBALANCED] += gap != 0;
    f->sums[HELD] += reply_int(r, HELD_AT, 0);
    int err = table_open(r, TABLE_AT, &t);
    for (size_t row = 0; err == ERR_OK && row < t.rows; row++) {
        read_trunk(account, &t, row, &trunk);
        keep(f, &trunk);
    }
    return err;
}

static void print_trunks(FILE *out, const struct figures *f)
{
    for (size_t family = 0; family < TRUNK_FAMILIES && f->n > 0; family++) {
        metric_print_head(out, &TRUNK_TABLE[family]);
        for (size_t i = 0; i < f->n; i++) {
            const struct trunk *t = &f->trunks[i];
            const char *const values[] = {t->account, t->id, t->direction};
            if (t->values[family] != ABSENT)
                metric_print(out, &TRUNK_TABLE[family], values, t->values[family]);
        }
    }
}

static int print_nodes(struct job_run *run, FILE *out)
{
    struct job_names nodes;
    int err = job_index(run, KEY_NODES, &nodes);
    if (err == ERR_OK && nodes.count > 0)
        metric_print_head(out, &NODE_SILENT);
    for (size_t i = 0; err == ERR_OK && i < nodes.count && i < NODES_TOLD; i++) {
        struct redisReply *r = NULL;
        int64_t seen;
        err = redis_fcall_ro(run->redis, &r, "node_get", key_node(nodes.items[i]).text, NULL);
        if (err == ERR_OK &&
            num_parse(span_of(reply_field(r, 2, "seen")), 0, INT64_MAX, &seen) == ERR_OK)
            metric_print(out, &NODE_SILENT, &nodes.items[i], reply_int(r, 1, 0) - seen);
        reply_free(r);
        err = err == ERR_REFUSED ? ERR_OK : err;
    }
    return err;
}

static int print(struct job_run *run, const struct figures *f, char **ret)
{
    size_t size;
    FILE *out = open_memstream(ret, &size);
    if (!out)
        return ERR_NOMEM;
    for (size_t i = 0; i < SUMS; i++) {
        metric_print_head(out, &SUM_FAMILIES[i]);
        metric_print(out, &SUM_FAMILIES[i], NULL, f->sums[i]);
    }
    print_trunks(out, f);
    int err = print_nodes(run, out);
    return fclose(out) == 0 ? err : ERR_NOMEM;
}

int job_metrics(struct job_run *run)
{
    static const char *const none[] = {NULL};
    struct job_names accounts;
    char *text = NULL;
    size_t most = (size_t)service_conf(run->service)->metrics.trunks;
    struct figures f = {.most = most,
                        .trunks = scratch_array(run->mem, most + 1, sizeof(struct trunk))};
    int err = f.trunks ? job_index(run, KEY_ACCOUNTS, &accounts) : ERR_NOMEM;
    if (err == ERR_OK)
        err = job_each_account(run, &accounts, "call_totals", true, none, add_account, &f);
    if (err == ERR_OK)
        err = print(run, &f, &text);
    if (err == ERR_OK)
        tally_books(service_tally(run->service), text);
    else
        free(text);
    return err;
}

void job_metrics_lost(struct service *service)
{
    tally_books(service_tally(service), NULL);
}
