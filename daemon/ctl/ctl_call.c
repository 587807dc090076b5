/* call list, call show, cdr list, tap list. */
#include "ctl_rows.h"
#include "ctl_verbs.h"

static const struct column live_columns[] = {
    {"accountno", ROWS_TEXT,  false, NULL       },
    {"call",      ROWS_TEXT,  false, NULL       },
    {"direction", ROWS_TEXT,  false, NULL       },
    {"tg",        ROWS_TEXT,  false, NULL       },
    {"number",    ROWS_TEXT,  false, NULL       },
    {"from",      ROWS_TEXT,  false, NULL       },
    {"to",        ROWS_TEXT,  true,  NULL       },
    {"upstream",  ROWS_TEXT,  false, NULL       },
    {"source",    ROWS_TEXT,  false, NULL       },
    {"target",    ROWS_TEXT,  false, NULL       },
    {"invite",    ROWS_TIME,  false, "invite_ms"},
    {"answer",    ROWS_TIME,  false, "answer_ms"},
    {"node",      ROWS_TEXT,  false, NULL       },
    {"callid",    ROWS_TEXT,  true,  NULL       },
    {"boot",      ROWS_TEXT,  true,  NULL       },
    {"rate",      ROWS_RATE,  true,  NULL       },
    {"increment", ROWS_COUNT, true,  NULL       },
    {"minimum",   ROWS_COUNT, true,  NULL       },
    {"limit_s",   ROWS_COUNT, true,  NULL       },
    {NULL,        ROWS_TEXT,  false, NULL       },
};

static const struct column cdr_columns[] = {
    {"call",      ROWS_TEXT,  true,  NULL       },
    {"invite",    ROWS_TIME,  false, "invite_ms"},
    {"direction", ROWS_TEXT,  false, NULL       },
    {"tg",        ROWS_TEXT,  false, NULL       },
    {"number",    ROWS_TEXT,  false, NULL       },
    {"from",      ROWS_TEXT,  false, NULL       },
    {"to",        ROWS_TEXT,  true,  NULL       },
    {"upstream",  ROWS_TEXT,  true,  NULL       },
    {"source",    ROWS_TEXT,  true,  NULL       },
    {"target",    ROWS_TEXT,  false, NULL       },
    {"callid",    ROWS_TEXT,  true,  NULL       },
    {"ring",      ROWS_TIME,  true,  "ring_ms"  },
    {"answer",    ROWS_TIME,  true,  "answer_ms"},
    {"end",       ROWS_TIME,  true,  "end_ms"   },
    {"ms",        ROWS_COUNT, true,  NULL       },
    {"billed",    ROWS_COUNT, false, NULL       },
    {"rate",      ROWS_RATE,  false, NULL       },
    {"amount",    ROWS_MONEY, false, NULL       },
    {"code",      ROWS_COUNT, false, NULL       },
    {"reason",    ROWS_TEXT,  false, NULL       },
    {"by",        ROWS_TEXT,  false, NULL       },
    {"attempts",  ROWS_TEXT,  true,  NULL       },
    {"pdd_ms",    ROWS_COUNT, true,  NULL       },
    {"node",      ROWS_TEXT,  true,  NULL       },
    {"estimated", ROWS_COUNT, true,  NULL       },
    {NULL,        ROWS_TEXT,  false, NULL       },
};

static const struct refusal refusals[] = {
    {"notfound", "ACCT: no such account"},
    {NULL,       NULL                   },
};

static bool account_exists(struct ctl *c, const char *account)
{
    return ctl_read(c, refusals, NULL, "account_get", key_account(account).text, NULL);
}

static void add_calls(void *arg, const char *account, const struct redisReply *reply)
{
    struct rows *rows = arg;
    struct table t;
    if (table_open(reply, 1, &t) < 0)
        return;
    for (size_t row = 0; row < t.rows; row++) {
        ctl_rows_add(rows);
        ctl_rows_set(rows, "accountno", account);
        ctl_rows_set_table(rows, &t, row);
    }
}

/* Live calls of accounts, or the one with that id. NULL after a message. */
static struct rows *load_live(struct ctl *c, const struct names *accounts, const char *call)
{
    struct rows *rows = ctl_rows_new(live_columns);
    if (ctl_each(c, accounts, key_account, "call_list", call, add_calls, rows))
        return rows;
    ctl_rows_free(rows);
    return NULL;
}

int ctl_call_list(struct ctl *c, const struct args *a)
{
    struct names accounts = {0};
    if (ctl_args_given(a, "ACCT")) {
        if (!account_exists(c, ctl_args_text(a, "ACCT")))
            return CTL_FAILED;
        ctl_names_add(&accounts, ctl_args_text(a, "ACCT"));
    } else if (!ctl_index(c, KEY_ACCOUNTS, &accounts)) {
        return CTL_FAILED;
    }
    struct rows *rows = load_live(c, &accounts, NULL);
    ctl_names_free(&accounts);
    return rows ? ctl_rows_print(rows, ROWS_LIST, c->json) : CTL_FAILED;
}

int ctl_call_show(struct ctl *c, const struct args *a)
{
    struct names accounts = {0};
    if (!account_exists(c, ctl_args_text(a, "ACCT")))
        return CTL_FAILED;
    ctl_names_add(&accounts, ctl_args_text(a, "ACCT"));
    struct rows *rows = load_live(c, &accounts, ctl_args_text(a, "CALL"));
    ctl_names_free(&accounts);
    if (rows && ctl_rows_count(rows) > 0)
        return ctl_rows_print(rows, ROWS_ONE, c->json);
    if (rows)
        ctl_fail("CALL: no such live call");
    ctl_rows_free(rows);
    return CTL_FAILED;
}

int ctl_call_kill(struct ctl *c, const struct args *a)
{
    static const struct refusal none[] = {
        {"notfound", "CALL: no such live call"},
        {NULL,       NULL                     },
    };
    const char *account = ctl_args_text(a, "ACCT"), *call = ctl_args_text(a, "CALL");
    if (!account_exists(c, account) ||
        !ctl_call(c, none, NULL, "call_kill", key_account(account).text, call, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(live_columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "accountno", account);
    ctl_rows_set(rows, "call", call);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

static int list_records(struct ctl *c, const struct args *a, const char *function)
{
    struct redisReply *reply;
    const char *account = ctl_args_text(a, "ACCT");
    if (!account_exists(c, account) ||
        !ctl_read(c, refusals, &reply, function, key_account(account).text,
                  ctl_args_text(a, "--last"), NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(cdr_columns);
    ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    return ctl_rows_print(rows, ROWS_LIST, c->json);
}

int ctl_cdr_list(struct ctl *c, const struct args *a)
{
    return list_records(c, a, "cdr_list");
}

int ctl_tap_list(struct ctl *c, const struct args *a)
{
    return list_records(c, a, "tap_list");
}
