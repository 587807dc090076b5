/* grant, trunk list, number show. */
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

/* ---- number show ---- */

static const struct column number_columns[] = {
    {"number",     ROWS_TEXT,  false, NULL},
    {"accountno",  ROWS_TEXT,  false, NULL},
    {"tg",         ROWS_TEXT,  false, NULL},
    {"status",     ROWS_COUNT, false, NULL},
    {"cnam",       ROWS_TEXT,  false, NULL},
    {"rev",        ROWS_COUNT, false, NULL},
    {"record",     ROWS_TEXT,  false, NULL}, /* whether the account's own record says the same */
    {"order",      ROWS_TEXT,  false, NULL},
    {"category",   ROWS_TEXT,  false, NULL},
    {"type",       ROWS_TEXT,  false, NULL},
    {"order_type", ROWS_TEXT,  false, NULL},
    {"monthly",    ROWS_MONEY, false, NULL},
    {"since",      ROWS_TIME,  false, NULL},
    {"state",      ROWS_TEXT,  false, NULL},
    {NULL,         ROWS_TEXT,  false, NULL},
};

enum { ROUTE_ACCOUNT = 1, ROUTE_TG, ROUTE_STATUS, ROUTE_CNAM, ROUTE_REV }; /* of did_route */

static const char *compare(const struct table *record, const struct redisReply *route)
{
    if (record->rows == 0)
        return "missing";
    bool same = strcmp(table_text(record, 0, "tg"), reply_text(route, ROUTE_TG)) == 0 &&
                strcmp(table_text(record, 0, "status"), reply_text(route, ROUTE_STATUS)) == 0 &&
                strcmp(table_text(record, 0, "cnam"), reply_text(route, ROUTE_CNAM)) == 0;
    return same ? "same" : "differs";
}

static bool set_number(struct ctl *c, struct rows *rows, const char *number,
                       const struct redisReply *route)
{
    struct redisReply *reply;
    struct table record;
    if (!ctl_read(c, NULL, &reply, "number_list",
                  key_account(reply_text(route, ROUTE_ACCOUNT)).text, "", "", "", "", number, NULL))
        return false;
    bool good = table_open(reply, 1, &record) == ERR_OK;
    if (good) {
        ctl_rows_set(rows, "record", compare(&record, route));
        if (record.rows > 0)
            ctl_rows_set_table(rows, &record, 0);
    }
    ctl_rows_set(rows, "number", number);
    ctl_rows_set(rows, "accountno", reply_text(route, ROUTE_ACCOUNT));
    ctl_rows_set(rows, "tg", reply_text(route, ROUTE_TG));
    ctl_rows_set(rows, "status", reply_text(route, ROUTE_STATUS));
    ctl_rows_set(rows, "cnam", reply_text(route, ROUTE_CNAM));
    ctl_rows_set(rows, "rev", reply_text(route, ROUTE_REV));
    reply_free(reply);
    return good;
}

int ctl_number_show(struct ctl *c, const struct args *a)
{
    static const struct refusal unassigned[] = {
        {"notfound", "NUMBER: no account has it"},
        {NULL,       NULL                       }
    };
    const char *number = ctl_args_text(a, "NUMBER");
    struct redisReply *route;
    if (!ctl_read(c, unassigned, &route, "did_route", key_did(number).text, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(number_columns);
    ctl_rows_add(rows);
    bool good = set_number(c, rows, number, route);
    reply_free(route);
    if (good)
        return ctl_rows_print(rows, ROWS_ONE, c->json);
    ctl_rows_free(rows);
    return CTL_FAILED;
}
