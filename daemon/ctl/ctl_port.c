/* port list, show, reasons: port-in orders as they stand. */
#include "ctl_port.h"

#include <stdlib.h>

#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "port_terms.h"

static const struct column columns[] = {
    {"account",          ROWS_TEXT,  false, NULL},
    {"id",               ROWS_TEXT,  false, NULL},
    {"processing",       ROWS_TEXT,  false, NULL},
    {"reason",           ROWS_TEXT,  false, NULL},
    {"category",         ROWS_TEXT,  false, NULL},
    {"tg",               ROWS_TEXT,  false, NULL},
    {"count",            ROWS_COUNT, false, NULL},
    {"amount",           ROWS_MONEY, false, NULL},
    {"created",          ROWS_TIME,  false, NULL},
    {"requested",        ROWS_TIME,  false, NULL},
    {"foc",              ROWS_TIME,  false, NULL},
    {"note",             ROWS_TEXT,  true,  NULL},
    {"status",           ROWS_COUNT, true,  NULL},
    {"step",             ROWS_TEXT,  true,  NULL},
    {"type",             ROWS_TEXT,  true,  NULL},
    {"sessions",         ROWS_COUNT, true,  NULL},
    {"per_order_cost",   ROWS_MONEY, true,  NULL},
    {"taxes",            ROWS_MONEY, true,  NULL},
    {"other_charges",    ROWS_MONEY, true,  NULL},
    {"discount",         ROWS_MONEY, true,  NULL},
    {"monthly",          ROWS_MONEY, true,  NULL},
    {"modified",         ROWS_TIME,  true,  NULL},
    {"modified_by",      ROWS_TEXT,  true,  NULL},
    {"immediately",      ROWS_COUNT, true,  NULL},
    {"triggered",        ROWS_COUNT, true,  NULL},
    {"subscriber_type",  ROWS_TEXT,  true,  NULL},
    {"first_name",       ROWS_TEXT,  true,  NULL},
    {"last_name",        ROWS_TEXT,  true,  NULL},
    {"house_number",     ROWS_TEXT,  true,  NULL},
    {"street_name",      ROWS_TEXT,  true,  NULL},
    {"street_suffix",    ROWS_TEXT,  true,  NULL},
    {"city",             ROWS_TEXT,  true,  NULL},
    {"state",            ROWS_TEXT,  true,  NULL},
    {"zip",              ROWS_TEXT,  true,  NULL},
    {"losing_carrier",   ROWS_TEXT,  true,  NULL},
    {"billing_number",   ROWS_TEXT,  true,  NULL},
    {"authorized_by",    ROWS_TEXT,  true,  NULL},
    {"wireless_account", ROWS_TEXT,  true,  NULL},
    {"wireless_pin",     ROWS_TEXT,  true,  NULL},
    {"resporg",          ROWS_TEXT,  true,  NULL},
    {"loa",              ROWS_TEXT,  true,  NULL},
    {"carrier_doc",      ROWS_TEXT,  true,  NULL},
    {NULL,               ROWS_TEXT,  false, NULL},
};

static const struct column number_columns[] = {
    {"number", ROWS_TEXT, false, NULL},
    {"state",  ROWS_TEXT, false, NULL},
    {NULL,     ROWS_TEXT, false, NULL},
};

static const struct column history_columns[] = {
    {"time",       ROWS_TIME, false, NULL},
    {"by",         ROWS_TEXT, false, NULL},
    {"processing", ROWS_TEXT, false, NULL},
    {"reason",     ROWS_TEXT, false, NULL},
    {"note",       ROWS_TEXT, false, NULL},
    {NULL,         ROWS_TEXT, false, NULL},
};

const struct refusal ctl_port_unknown[] = {
    {"notfound", "ID: no such port order of this account"},
    {NULL,       NULL                                    },
};

enum { PAIRS = 1, FIRST_PAIR = 2 }; /* elements of port_get's reply */

static size_t pairs_end(const struct redisReply *reply)
{
    int64_t pairs = reply_int(reply, PAIRS, 0), most = (int64_t)reply_count(reply);
    size_t end = pairs < 0 || pairs > most ? FIRST_PAIR : FIRST_PAIR + 2 * (size_t)pairs;
    return end < reply_count(reply) ? end : reply_count(reply);
}

static void add_port(struct rows *rows, const char *account, const struct redisReply *reply)
{
    ctl_rows_add(rows);
    ctl_rows_set_some(rows, reply, FIRST_PAIR, pairs_end(reply));
    ctl_rows_set(rows, "account", account);
}

struct listing {
    struct ctl *ctl;
    struct rows *rows;
    const char *processing; /* "": any */
    bool failed;
};

static void add_ports(void *arg, const char *account, const struct redisReply *ids)
{
    struct listing *l = arg;
    for (size_t i = 1; i < reply_count(ids) && !l->failed; i++) {
        struct redisReply *reply;
        if (!ctl_read(l->ctl, ctl_port_unknown, &reply, "port_get", key_account(account).text,
                      reply_text(ids, i), NULL)) {
            l->failed = true;
            return;
        }
        if (!*l->processing ||
            strcmp(l->processing, reply_field(reply, FIRST_PAIR, "processing")) == 0)
            add_port(l->rows, account, reply);
        reply_free(reply);
    }
}

int ctl_port_list(struct ctl *c, const struct args *a)
{
    struct names accounts = {0};
    if (ctl_args_given(a, "ACCT"))
        ctl_names_add(&accounts, ctl_args_text(a, "ACCT"));
    else if (!ctl_index(c, KEY_ACCOUNTS, &accounts))
        return CTL_FAILED;
    struct listing l = {c, ctl_rows_new(columns), ctl_args_text(a, "--processing"), false};
    bool good = ctl_each(c, &accounts, key_account, "port_list", NULL, add_ports, &l) && !l.failed;
    ctl_names_free(&accounts);
    if (good)
        return ctl_rows_print(l.rows, ROWS_LIST, c->json);
    ctl_rows_free(l.rows);
    return CTL_FAILED;
}

static struct rows *numbers_of(const struct redisReply *reply)
{
    struct rows *numbers = ctl_rows_new(number_columns);
    for (size_t i = pairs_end(reply); i + 1 < reply_count(reply); i += 2) {
        ctl_rows_add(numbers);
        ctl_rows_set(numbers, "number", reply_text(reply, i));
        ctl_rows_set(numbers, "state", reply_text(reply, i + 1));
    }
    return numbers;
}

int ctl_port_show(struct ctl *c, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT"), *id = ctl_args_text(a, "ID");
    struct redisReply *reply, *history;
    if (!ctl_read(c, ctl_port_unknown, &reply, "port_get", key_account(account).text, id, NULL))
        return CTL_FAILED;
    if (!ctl_read(c, NULL, &history, "port_history", key_account(account).text, id, NULL)) {
        reply_free(reply);
        return CTL_FAILED;
    }
    struct rows *rows = ctl_rows_new(columns), *log = ctl_rows_new(history_columns);
    add_port(rows, account, reply);
    ctl_rows_add_tables(log, history, 1);
    ctl_rows_attach(rows, "numbers", numbers_of(reply));
    ctl_rows_attach(rows, "history", log);
    reply_free(reply);
    reply_free(history);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

int ctl_port_reasons(struct ctl *c, const struct args *a)
{
    (void)a;
    static const struct column reason_columns[] = {
        {"code", ROWS_TEXT, false, NULL},
        {"text", ROWS_TEXT, false, NULL},
        {NULL,   ROWS_TEXT, false, NULL},
    };
    struct rows *rows = ctl_rows_new(reason_columns);
    for (size_t i = 0; i < port_reason_count; i++) {
        ctl_rows_add(rows);
        ctl_rows_set(rows, "code", port_reasons[i].code);
        ctl_rows_set(rows, "text", port_reasons[i].text);
    }
    return ctl_rows_print(rows, ROWS_LIST, c->json);
}
