/* order list, order show, order cancel. */
#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "service.h"

#include <stdlib.h>

static const struct column columns[] = {
    {"id",             ROWS_TEXT,  false, NULL},
    {"status",         ROWS_COUNT, false, NULL},
    {"step",           ROWS_TEXT,  false, NULL},
    {"category",       ROWS_TEXT,  false, NULL},
    {"tg",             ROWS_TEXT,  false, NULL},
    {"count",          ROWS_COUNT, false, NULL},
    {"amount",         ROWS_MONEY, false, NULL},
    {"created",        ROWS_TIME,  false, NULL},
    {"expires",        ROWS_TIME,  false, NULL},
    {"cart",           ROWS_TEXT,  true,  NULL},
    {"type",           ROWS_TEXT,  true,  NULL},
    {"order_type",     ROWS_TEXT,  true,  NULL},
    {"per_order_cost", ROWS_MONEY, true,  NULL},
    {"taxes",          ROWS_MONEY, true,  NULL},
    {"other_charges",  ROWS_MONEY, true,  NULL},
    {"discount",       ROWS_MONEY, true,  NULL},
    {"monthly",        ROWS_MONEY, true,  NULL},
    {"sessions",       ROWS_COUNT, true,  NULL},
    {NULL,             ROWS_TEXT,  false, NULL},
};

static const struct column number_columns[] = {
    {"number", ROWS_TEXT, false, NULL},
    {"state",  ROWS_TEXT, false, NULL},
    {NULL,     ROWS_TEXT, false, NULL},
};

static const struct refusal no_account[] = {
    {"notfound", "ACCT: no such account"},
    {NULL,       NULL                   },
};
static const struct refusal no_order[] = {
    {"notfound", "ID: no such order of this account"},
    {NULL,       NULL                               },
};

enum { PAIRS = 1, FIRST_PAIR = 2 }; /* elements of order_get's reply */

/* Element after the order's own fields, where its numbers begin. */
static size_t pairs_end(const struct redisReply *reply)
{
    int64_t pairs = reply_int(reply, PAIRS, 0), most = (int64_t)reply_count(reply);
    size_t end = pairs < 0 || pairs > most ? FIRST_PAIR : FIRST_PAIR + 2 * (size_t)pairs;
    return end < reply_count(reply) ? end : reply_count(reply);
}

static void add_order(struct rows *rows, const struct redisReply *reply)
{
    ctl_rows_add(rows);
    ctl_rows_set_some(rows, reply, FIRST_PAIR, pairs_end(reply));
}

static bool add_orders(struct ctl *c, const char *account, const struct redisReply *ids,
                       struct rows *rows)
{
    for (size_t i = 1; i < reply_count(ids); i++) {
        struct redisReply *reply;
        if (!ctl_read(c, no_order, &reply, "order_get", key_account(account).text,
                      reply_text(ids, i), NULL))
            return false;
        add_order(rows, reply);
        reply_free(reply);
    }
    return true;
}

int ctl_order_list(struct ctl *c, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT");
    struct redisReply *ids;
    if (!ctl_read(c, no_account, NULL, "account_get", key_account(account).text, NULL) ||
        !ctl_read(c, no_account, &ids, "order_list", key_account(account).text, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(columns);
    bool good = add_orders(c, account, ids, rows);
    reply_free(ids);
    if (good)
        return ctl_rows_print(rows, ROWS_LIST, c->json);
    ctl_rows_free(rows);
    return CTL_FAILED;
}

int ctl_order_show(struct ctl *c, const struct args *a)
{
    struct redisReply *reply;
    if (!ctl_read(c, no_order, &reply, "order_get", key_account(ctl_args_text(a, "ACCT")).text,
                  ctl_args_text(a, "ID"), NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(columns), *numbers = ctl_rows_new(number_columns);
    add_order(rows, reply);
    for (size_t i = pairs_end(reply); i + 1 < reply_count(reply); i += 2) {
        ctl_rows_add(numbers);
        ctl_rows_set(numbers, "number", reply_text(reply, i));
        ctl_rows_set(numbers, "state", reply_text(reply, i + 1));
    }
    reply_free(reply);
    ctl_rows_attach(rows, "numbers", numbers);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

int ctl_order_cancel(struct ctl *c, const struct args *a)
{
    struct scratch mem = {0};
    const char *account = ctl_args_text(a, "ACCT"), *word = "";
    struct saga saga = service_saga(&c->conf.policy, c->redis, &mem, account);
    int err = saga_order_cancel(&saga, ctl_args_text(a, "ID"), &word);
    scratch_clear(&mem);
    if (err == ERR_OK)
        return ctl_order_show(c, a);
    if (err != ERR_REFUSED)
        return ctl_fail("%s; repeated, it goes on", err_text(err));
    return ctl_fail("ID: %s", strcmp(word, "processed") == 0 ? "it is paid: cancel its numbers"
                                                             : "no such order of this account");
}
