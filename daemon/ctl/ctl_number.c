/* number show, number cancel. */
#include "ctl_rows.h"
#include "ctl_state.h"
#include "ctl_verbs.h"
#include "service.h"

static const struct column columns[] = {
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

static const struct column stock_columns[] = {
    {"number",     ROWS_TEXT, false, NULL},
    {"inventory",  ROWS_TEXT, false, NULL},
    {"stock",      ROWS_TEXT, false, NULL},
    {"holder",     ROWS_TEXT, false, NULL},
    {"until",      ROWS_TIME, false, NULL},
    {"ratecenter", ROWS_TEXT, false, NULL},
    {"city",       ROWS_TEXT, false, NULL},
    {NULL,         ROWS_TEXT, false, NULL},
};

static void add_stock(void *arg, const char *state, const struct redisReply *reply)
{
    struct rows *rows = arg;
    ctl_rows_add(rows);
    ctl_rows_set(rows, "inventory", state);
    for (size_t i = 2; stock_columns[i].name; i++)
        ctl_rows_set(rows, stock_columns[i].name, reply_text(reply, i - 1));
}

/* Of a number that no account has: what the inventory says. */
static int show_stock(struct ctl *c, const char *number)
{
    struct names states = {0};
    struct rows *rows = ctl_rows_new(stock_columns);
    for (size_t i = 0; i < ctl_state_count(); i++)
        ctl_names_add(&states, ctl_state_at(i));
    bool good = ctl_each(c, &states, key_inventory, "inv_number", number, add_stock, rows);
    ctl_names_free(&states);
    if (good && ctl_rows_count(rows) == 1) {
        ctl_rows_set(rows, "number", number);
        return ctl_rows_print(rows, ROWS_ONE, c->json);
    }
    ctl_rows_free(rows);
    return good ? ctl_fail("NUMBER: no account has it, and no inventory knows it") : CTL_FAILED;
}

int ctl_number_show(struct ctl *c, const struct args *a)
{
    const char *number = ctl_args_text(a, "NUMBER");
    struct redisReply *route = NULL;
    int err = redis_fcall_ro(c->redis, &route, "did_route", key_did(number).text, NULL);
    if (err != ERR_OK) {
        bool nobodys = err == ERR_REFUSED && strcmp(reply_word(route), "notfound") == 0;
        int code = nobodys ? show_stock(c, number) : ctl_explain(c, err, route, NULL);
        reply_free(route);
        return code;
    }
    struct rows *rows = ctl_rows_new(columns);
    ctl_rows_add(rows);
    bool good = set_number(c, rows, number, route);
    reply_free(route);
    if (good)
        return ctl_rows_print(rows, ROWS_ONE, c->json);
    ctl_rows_free(rows);
    return CTL_FAILED;
}

static const struct column cancelled_columns[] = {
    {"number",    ROWS_TEXT,  false, NULL},
    {"accountno", ROWS_TEXT,  false, NULL},
    {"status",    ROWS_COUNT, false, NULL},
    {NULL,        ROWS_TEXT,  false, NULL},
};

/* As a customer's updatenumber with status 2. What breaks off after the record is changed, the job
 * of trunkd ends. */
int ctl_number_cancel(struct ctl *c, const struct args *a)
{
    static const struct refusal refusals[] = {
        {"notfound",  "NUMBER: not one of this account's"},
        {"cancelled", "NUMBER: it is cancelled already"  },
        {NULL,        NULL                               },
    };
    const char *account = ctl_args_text(a, "ACCT"), *number = ctl_args_text(a, "NUMBER");
    struct scratch mem = {0};
    if (!ctl_call(c, refusals, NULL, "number_update", key_account(account).text, "", "2", "",
                  number, NULL))
        return CTL_FAILED;
    struct saga saga = service_saga(&c->conf.policy, c->redis, &mem, account);
    int err = saga_cancel(&saga, number);
    scratch_clear(&mem);
    if (err != ERR_OK)
        return ctl_fail("%s; trunkd goes on with it", err_text(err));
    struct rows *rows = ctl_rows_new(cancelled_columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "number", number);
    ctl_rows_set(rows, "accountno", account);
    ctl_rows_set(rows, "status", "2");
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}
