/* trace start, stop, list, get, show. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_audit.h"
#include "ctl_ladder.h"
#include "ctl_packets.h"
#include "ctl_pcap.h"
#include "ctl_rows.h"
#include "ctl_verbs.h"

enum { MINUTE_MS = 60000 };

#define MOST_TRACES  "16"
#define MOST_PACKETS "2000"    /* of one trace */
#define KEEP_MS      "3600000" /* of a trace that takes no more calls */

static const struct column columns[] = {
    {"id",        ROWS_TEXT,  false, NULL     },
    {"state",     ROWS_TEXT,  false, NULL     },
    {"kind",      ROWS_TEXT,  false, NULL     },
    {"what",      ROWS_TEXT,  false, NULL     },
    {"accountno", ROWS_TEXT,  false, "account"},
    {"by",        ROWS_TEXT,  false, NULL     },
    {"started",   ROWS_TIME,  false, NULL     },
    {"until",     ROWS_TIME,  false, NULL     },
    {"calls",     ROWS_COUNT, false, NULL     },
    {"packets",   ROWS_COUNT, false, NULL     },
    {"most",      ROWS_COUNT, true,  NULL     },
    {NULL,        ROWS_TEXT,  false, NULL     },
};

/* ---- start, stop, list ---- */

/* What is asked for. */
struct subject {
    const char *kind, *what, *account;
};

static bool read_subject(const struct args *a, struct subject *ret)
{
    static const struct {
        const char *option, *kind;
    } KINDS[] = {
        {"--number", "number"},
        {"--trunk",  "trunk" },
        {"--call",   "call"  },
    };
    int given = 0;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        if (!ctl_args_given(a, KINDS[i].option))
            continue;
        given++;
        *ret = (struct subject){KINDS[i].kind, ctl_args_text(a, KINDS[i].option),
                                ctl_args_text(a, "--account")};
    }
    if (given != 1)
        return ctl_usage("one of --number, --trunk, --call is needed") == CTL_DONE;
    bool trunk = strcmp(ret->kind, "trunk") == 0;
    if (trunk && !ret->account[0])
        return ctl_usage("--account is missing: a trunk is an account's") == CTL_DONE;
    if (!trunk && ret->account[0])
        return ctl_usage("--account goes with --trunk alone") == CTL_DONE;
    return true;
}

static bool is_trunk(struct ctl *c, const char *account, const char *kind, const char *tg,
                     bool *ret)
{
    struct redisReply *reply = NULL;
    int err =
        redis_fcall_ro(c->redis, &reply, "trunk_list", key_account(account).text, kind, tg, NULL);
    *ret |= err == ERR_OK;
    bool good = err == ERR_OK || err == ERR_REFUSED || ctl_explain(c, err, reply, NULL) == CTL_DONE;
    reply_free(reply);
    return good;
}

static bool check_subject(struct ctl *c, const struct subject *s)
{
    static const struct refusal none[] = {
        {"notfound", "--account: no such account"},
        {NULL,       NULL                        },
    };
    bool found = false;
    if (strcmp(s->kind, "trunk") != 0)
        return true;
    if (!ctl_read(c, none, NULL, "account_get", key_account(s->account).text, NULL) ||
        !is_trunk(c, s->account, "in", s->what, &found) ||
        !is_trunk(c, s->account, "out", s->what, &found))
        return false;
    return found || ctl_fail("--trunk: no such trunk of this account") == CTL_DONE;
}

static void add_trace(void *arg, const char *id, const struct redisReply *reply)
{
    struct rows *rows = arg;
    int64_t now = reply_int(reply, 1, 0);
    bool stopped = strcmp(reply_field(reply, 2, "stopped"), "0") != 0;
    bool over = now >= strtoll(reply_field(reply, 2, "until"), NULL, 10);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "id", id);
    ctl_rows_set(rows, "state", stopped ? "stopped" : over ? "over" : "running");
    ctl_rows_set_pairs(rows, reply, 2);
}

static int print_traces(struct ctl *c, const struct names *ids, enum rows_shape shape)
{
    struct rows *rows = ctl_rows_new(columns);
    if (ctl_each(c, ids, key_trace, "trace_get", NULL, add_trace, rows))
        return ctl_rows_print(rows, shape, c->json);
    ctl_rows_free(rows);
    return CTL_FAILED;
}

static int print_trace(struct ctl *c, const char *id)
{
    struct names ids = {0};
    ctl_names_add(&ids, id);
    int code = print_traces(c, &ids, ROWS_ONE);
    ctl_names_free(&ids);
    return code;
}

/* The key before the index: what the index names is there. */
static bool start(struct ctl *c, const struct subject *s, const char *id, int64_t minutes)
{
    static const struct refusal full[] = {
        {"full", "there are " MOST_TRACES " traces: stop and wait, or use one of them"},
        {NULL,   NULL                                                                 },
    };
    char *ms = ctl_format("%lld", (long long)minutes * MINUTE_MS);
    bool good = ctl_call(c, NULL, NULL, "trace_start", key_trace(id).text, s->kind, s->what,
                         s->account, ctl_audit_operator(), ms, KEEP_MS, MOST_PACKETS, NULL);
    free(ms);
    if (good && ctl_call(c, full, NULL, "trace_enlist", KEY_TRACES, id, MOST_TRACES, NULL))
        return true;
    if (good)
        (void)!ctl_call(c, NULL, NULL, "trace_remove", key_trace(id).text, NULL);
    return false;
}

int ctl_trace_start(struct ctl *c, const struct args *a)
{
    struct subject s = {"", "", ""};
    struct names traces = {0};
    struct redisReply *reply;
    if (!read_subject(a, &s))
        return CTL_USAGE;
    if (!check_subject(c, &s) || !ctl_packets_traces(c, &traces))
        return CTL_FAILED;
    ctl_names_free(&traces);
    if (!ctl_call(c, NULL, &reply, "seq_next", key_sequence("trace").text, "1", NULL))
        return CTL_FAILED;
    char *id = ctl_copy(reply_span(reply, 1));
    reply_free(reply);
    bool good = start(c, &s, id, strtoll(ctl_args_text(a, "--minutes"), NULL, 10));
    int code = good ? print_trace(c, id) : CTL_FAILED;
    free(id);
    return code;
}

int ctl_trace_stop(struct ctl *c, const struct args *a)
{
    static const struct refusal none[] = {
        {"notfound", "ID: no such trace"},
        {NULL,       NULL               },
    };
    const char *id = ctl_args_text(a, "ID");
    return ctl_call(c, none, NULL, "trace_stop", key_trace(id).text, NULL) ? print_trace(c, id)
                                                                           : CTL_FAILED;
}

int ctl_trace_list(struct ctl *c, const struct args *a)
{
    struct names traces = {0};
    (void)a;
    if (!ctl_packets_traces(c, &traces))
        return CTL_FAILED;
    int code = print_traces(c, &traces, ROWS_LIST);
    ctl_names_free(&traces);
    return code;
}

/* ---- get, show ---- */

static int write_file(const struct ctl_packets *packets, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    mode_t mask = umask(S_IRWXG | S_IRWXO); /* messages may hold secrets */
    FILE *out = standard ? stdout : fopen(path, "wbe");
    (void)umask(mask);
    if (!out)
        return ctl_fail("-o %s: %m", path);
    bool good = ctl_pcap_write(out, packets);
    if ((standard ? fflush(out) : fclose(out)) != 0 || !good)
        return ctl_fail("-o %s: %m", path);
    return CTL_DONE;
}

int ctl_trace_get(struct ctl *c, const struct args *a)
{
    const char *path = ctl_args_text(a, "-o");
    bool standard = strcmp(path, "-") == 0;
    struct ctl_packets packets;
    if (standard && !c->json && isatty(STDOUT_FILENO))
        return ctl_usage("-o is missing: the standard output is a terminal");
    if (!ctl_packets_load(c, ctl_args_text(a, "CALL"), &packets))
        return CTL_FAILED;
    int code = standard && c->json ? CTL_DONE : write_file(&packets, path);
    if (code == CTL_DONE && c->json)
        code = ctl_ladder_json(&packets);
    ctl_packets_free(&packets);
    return code;
}

int ctl_trace_show(struct ctl *c, const struct args *a)
{
    struct ctl_packets packets;
    if (!ctl_packets_load(c, ctl_args_text(a, "CALL"), &packets))
        return CTL_FAILED;
    int code = c->json ? ctl_ladder_json(&packets) : ctl_ladder_print(&packets);
    ctl_packets_free(&packets);
    return code;
}
