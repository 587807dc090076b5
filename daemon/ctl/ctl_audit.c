/* audit list, and what it lists. */
#include "ctl_audit.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit_param.h"
#include "clock.h"
#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "secret.h"

enum { ID_BYTES = 8, ID_TEXT = 2 * ID_BYTES + 1, NAME_TEXT = 128, PARAMS_MAX = 1500 };

#define BEGUN "begun"

/* A verb under way, as the log has it. */
struct note {
    char id[ID_TEXT], who[NAME_TEXT], host[NAME_TEXT], what[NAME_TEXT];
    struct key log;
    char *params;
};

/* ---- writing ---- */

static bool is_write(const struct verb *verb, const struct args *a)
{
    return !(verb->flags & VERB_READS) &&
           (!(verb->flags & VERB_REPAIRS) || ctl_args_given(a, "--repair") ||
            ctl_args_given(a, "--repair-ledger"));
}

static void put_param(void *arg, const struct arg *row, const char *value)
{
    FILE *out = arg;
    if (ftell(out) < PARAMS_MAX)
        audit_param(out, row->name,
                    row->flags & ARG_SECRET ? SPAN_LIT(AUDIT_HIDDEN) : span_of(value));
}

static char *params_of(const struct args *a)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        exit(ctl_fail("out of memory"));
    ctl_args_each(a, put_param, out);
    if (fclose(out) != 0)
        exit(ctl_fail("out of memory"));
    return text;
}

const char *ctl_audit_operator(void)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *entry = getpwuid(getuid());
    if (sudo && *sudo && getuid() == 0)
        return sudo;
    return entry ? entry->pw_name : "unknown";
}

static void find_account(void *arg, const struct arg *row, const char *value)
{
    struct key *log = arg;
    if (row->type == ARG_ACCOUNT && strcmp(row->name, "ACCT") == 0)
        *log = key_audit(value);
}

static struct note note_of(const struct verb *verb, const struct args *a)
{
    struct note n = {.log = key_audit(KEYS_ALL), .params = params_of(a)};
    if (secret_random_hex(ID_BYTES, n.id) < 0)
        exit(ctl_fail("no random numbers"));
    if (gethostname(n.host, sizeof(n.host) - 1) != 0)
        n.host[0] = '\0';
    snprintf(n.who, sizeof(n.who), "%.64s", ctl_audit_operator());
    snprintf(n.what, sizeof(n.what), "%s%s%s", verb->noun, verb->name[0] ? " " : "", verb->name);
    ctl_args_each(a, find_account, &n.log);
    return n;
}

/* An account that is not there has no log: the verb will say so itself. */
static bool write_note(struct ctl *c, const struct note *n, const char *outcome)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(c->redis, &r, "audit_add", n->log.text, n->id, n->who, "trunkctl",
                          n->host, n->id, n->what, n->params, outcome, "", NULL);
    bool done = err == ERR_OK || err == ERR_REFUSED || ctl_explain(c, err, r, NULL) == CTL_DONE;
    reply_free(r);
    return done;
}

int ctl_audit_run(struct ctl *c, const struct verb *verb, const struct args *a)
{
    if (!is_write(verb, a))
        return verb->run(c, a);
    struct note n = note_of(verb, a);
    int code = CTL_FAILED;
    if (write_note(c, &n, BEGUN)) {
        code = verb->run(c, a);
        const char *outcome = code == CTL_DONE ? "ok" : code == CTL_USAGE ? "usage" : "failed";
        if (!write_note(c, &n, outcome))
            code = CTL_FAILED;
    }
    free(n.params);
    return code;
}

/* ---- listing ---- */

static const struct column columns[] = {
    {"time",    ROWS_TIME, false, NULL},
    {"by",      ROWS_TEXT, false, NULL},
    {"via",     ROWS_TEXT, false, NULL},
    {"from",    ROWS_TEXT, false, NULL},
    {"request", ROWS_TEXT, true,  NULL},
    {"what",    ROWS_TEXT, false, NULL},
    {"params",  ROWS_TEXT, false, NULL},
    {"outcome", ROWS_TEXT, false, NULL},
    {"error",   ROWS_TEXT, true,  NULL},
    {NULL,      ROWS_TEXT, false, NULL},
};

/* Whether a newer row tells the outcome of what this one began. */
static bool is_over(const struct table *t, size_t row)
{
    if (strcmp(table_text(t, row, "outcome"), BEGUN) != 0)
        return false;
    for (size_t i = 0; i < row; i++) {
        if (strcmp(table_text(t, i, "write"), table_text(t, row, "write")) == 0)
            return true;
    }
    return false;
}

static int print_log(const struct ctl *c, const struct redisReply *reply)
{
    struct table t;
    struct rows *rows = ctl_rows_new(columns);
    if (table_open(reply, 1, &t) != ERR_OK) {
        ctl_rows_free(rows);
        return ctl_fail("the server's reply is malformed");
    }
    for (size_t i = 0; i < t.rows; i++) {
        if (is_over(&t, i))
            continue;
        ctl_rows_add(rows);
        ctl_rows_set_table(rows, &t, i);
    }
    return ctl_rows_print(rows, ROWS_LIST, c->json);
}

int ctl_audit_list(struct ctl *c, const struct args *a)
{
    const char *since = ctl_args_text(a, "--since"), *account = ctl_args_text(a, "ACCT");
    struct redisReply *reply = NULL;
    int64_t ms = 0;
    if (*since && clock_parse(span_of(since), &ms) != ERR_OK)
        return ctl_usage("Invalid --since: expected YYYY-MM-DD or YYYY-MM-DD HH:MM:SS");
    char *from = *since ? ctl_format("%lld", (long long)ms) : ctl_copy(span_of(""));
    bool done =
        ctl_read(c, NULL, &reply, "audit_list", key_audit(*account ? account : KEYS_ALL).text, from,
                 ctl_args_text(a, "--last"), NULL);
    free(from);
    int code = done ? print_log(c, reply) : CTL_FAILED;
    reply_free(reply);
    return code;
}
