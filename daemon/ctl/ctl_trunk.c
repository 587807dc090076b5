/* grant, trunk list. */
#include "ctl_rows.h"
#include "ctl_verbs.h"

#include <string.h>

static const struct refusal refusals[] = {
    {"notfound", "TG: no such trunk of this account"},
    {NULL,       NULL                               },
};

static const struct column columns[] = {
    {"id",               ROWS_TEXT,  false, NULL},
    {"kind",             ROWS_TEXT,  false, NULL},
    {"title",            ROWS_TEXT,  false, NULL},
    {"status",           ROWS_COUNT, false, NULL},
    {"req_sessions",     ROWS_COUNT, false, NULL},
    {"sessions",         ROWS_COUNT, false, NULL},
    {"req_cps",          ROWS_COUNT, false, NULL},
    {"cps",              ROWS_COUNT, false, NULL},
    {"primary_host",     ROWS_TEXT,  false, NULL},
    {"primary_port",     ROWS_COUNT, false, NULL},
    {"address",          ROWS_TEXT,  false, NULL},
    {"primary_prefix",   ROWS_TEXT,  true,  NULL},
    {"secondary_host",   ROWS_TEXT,  true,  NULL},
    {"secondary_port",   ROWS_COUNT, true,  NULL},
    {"secondary_prefix", ROWS_TEXT,  true,  NULL},
    {"forward",          ROWS_TEXT,  true,  NULL},
    {"billing",          ROWS_TEXT,  true,  NULL},
    {"mou",              ROWS_TEXT,  true,  NULL},
    {"created",          ROWS_TIME,  true,  NULL},
    {NULL,               ROWS_TEXT,  false, NULL},
};

static bool load_kind(struct ctl *c, const char *account, const char *kind, struct rows *rows)
{
    struct redisReply *reply;
    if (!ctl_read(c, NULL, &reply, "trunk_list", key_account(account).text, kind, "", NULL))
        return false;
    ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    return true;
}

/* All trunks of both kinds, NULL after a message. */
static struct rows *load(struct ctl *c, const char *account)
{
    static const struct refusal no_account[] = {
        {"notfound", "ACCT: no such account"},
        {NULL,       NULL                   }
    };
    struct rows *rows = ctl_rows_new(columns);
    if (ctl_read(c, no_account, NULL, "account_get", key_account(account).text, NULL) &&
        load_kind(c, account, "in", rows) && load_kind(c, account, "out", rows))
        return rows;
    ctl_rows_free(rows);
    return NULL;
}

int ctl_trunk_list(struct ctl *c, const struct args *a)
{
    struct rows *rows = load(c, ctl_args_text(a, "ACCT"));
    return rows ? ctl_rows_print(rows, ROWS_LIST, c->json) : CTL_FAILED;
}

static int print_trunk(struct ctl *c, const char *account, const char *trunk)
{
    struct rows *rows = load(c, account);
    for (size_t i = 0; rows && i < ctl_rows_count(rows); i++) {
        if (strcmp(ctl_rows_get(rows, i, "id"), trunk) == 0) {
            ctl_rows_keep(rows, i);
            return ctl_rows_print(rows, ROWS_ONE, c->json);
        }
    }
    if (rows)
        ctl_fail("%s", refusals[0].text);
    ctl_rows_free(rows);
    return CTL_FAILED;
}

int ctl_trunk_grant(struct ctl *c, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT"), *trunk = ctl_args_text(a, "TG");
    bool sessions = ctl_args_given(a, "--sessions"), ports = ctl_args_given(a, "--ports");
    if (sessions && ports)
        return ctl_usage("--ports is the same as --sessions: give one of them");
    if (!sessions && !ports && !ctl_args_given(a, "--cps"))
        return ctl_usage("--sessions, --ports or --cps is missing: trunkctl help grant");
    if (!ctl_call(c, refusals, NULL, "trunk_grant", key_account(account).text, trunk,
                  ctl_args_text(a, ports ? "--ports" : "--sessions"), ctl_args_text(a, "--cps"),
                  NULL))
        return CTL_FAILED;
    return print_trunk(c, account, trunk);
}
