/* rate set, import, list: what a customer pays for a minute to a dialled prefix. */
#include "ctl_bad.h"
#include "ctl_csv.h"
#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "money.h"
#include "num.h"

enum {
    PREFIX,
    RATE,
    INCREMENT,
    MINIMUM, /* columns of a file */
    BATCH_ROWS = 1000,
    SECONDS_MAX = 3600,
};

static const money_t RATE_MAX = (money_t)10000 * MONEY_DOLLAR;

static const char *const header[] = {"prefix", "rate", "increment", "minimum", NULL};

static const struct column columns[] = {
    {"prefix",    ROWS_TEXT,  false, NULL},
    {"rate",      ROWS_RATE,  false, NULL},
    {"increment", ROWS_COUNT, false, NULL},
    {"minimum",   ROWS_COUNT, false, NULL},
    {NULL,        ROWS_TEXT,  false, NULL},
};

int ctl_rate_set(struct ctl *c, const struct args *a)
{
    const char *prefix = ctl_args_text(a, "PREFIX"), *rate = ctl_args_text(a, "RATE");
    const char *increment = ctl_args_text(a, "--increment"),
               *minimum = ctl_args_text(a, "--minimum");
    if (!ctl_call(c, NULL, NULL, "rate_set", key_deck(ctl_args_text(a, "--deck")).text, prefix,
                  rate, increment, minimum, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "prefix", prefix);
    ctl_rows_set(rows, "rate", rate);
    ctl_rows_set(rows, "increment", increment);
    ctl_rows_set(rows, "minimum", minimum);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

int ctl_rate_list(struct ctl *c, const struct args *a)
{
    struct redisReply *reply;
    if (!ctl_read(c, NULL, &reply, "rate_list", key_deck(ctl_args_text(a, "--deck")).text, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(columns);
    ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    return ctl_rows_print(rows, ROWS_LIST, c->json);
}

/* ---- Import ---- */

struct import {
    struct ctl *ctl;
    const char *deck;
    struct csv *csv;
    struct bad *bad;
    struct cmd cmd; /* rate_set under construction; empty: cmd.n is 0 */
    size_t waiting;
    int64_t rows, set;
};

static bool flush(struct import *i)
{
    struct redisReply *reply;
    if (i->waiting == 0)
        return true;
    i->waiting = 0;
    bool good = ctl_send(i->ctl, &i->cmd, NULL, &reply);
    i->cmd = (struct cmd){0};
    if (!good)
        return false;
    i->set += reply_int(reply, 1, 0);
    reply_free(reply);
    return true;
}

/* NULL when the row waits to be sent, else why it can't be taken. */
static const char *take_row(struct import *i, const struct span fields[CSV_FIELDS])
{
    char prefix[PHONE_E164_MAX + 1];
    int64_t increment, minimum;
    money_t rate;
    if (!span_copy(fields[PREFIX], prefix, sizeof(prefix)) || prefix[0] == '\0' ||
        strspn(prefix, "0123456789") != fields[PREFIX].n)
        return "prefix: not 1 to 15 digits";
    if (money_parse(fields[RATE], &rate) < 0 || rate < 0 || rate > RATE_MAX)
        return "rate: not dollars from 0 to 10000 with at most four decimals";
    if (num_parse(fields[INCREMENT], 1, SECONDS_MAX, &increment) < 0)
        return "increment: not 1 to 3600 seconds";
    if (num_parse(fields[MINIMUM], 0, SECONDS_MAX, &minimum) < 0)
        return "minimum: not 0 to 3600 seconds";
    if (i->waiting++ == 0)
        cmd_fcall(&i->cmd, "rate_set", key_deck(i->deck).text);
    cmd_text(&i->cmd, prefix);
    cmd_int(&i->cmd, rate);
    cmd_int(&i->cmd, increment);
    cmd_int(&i->cmd, minimum);
    return NULL;
}

static bool take_rows(struct import *i)
{
    struct span fields[CSV_FIELDS];
    enum csv_result result;
    while ((result = ctl_csv_next(i->csv, fields)) == CSV_ROW || result == CSV_BAD) {
        const char *reason = result == CSV_BAD ? ctl_csv_reason(i->csv) : take_row(i, fields);
        i->rows++;
        if (reason)
            ctl_bad_add(i->bad, ctl_csv_line(i->csv), reason);
        if (i->waiting >= BATCH_ROWS && !flush(i))
            return false;
    }
    if (result == CSV_FAILED)
        ctl_fail("FILE: can't be read on after line %lu", ctl_csv_line(i->csv));
    return flush(i) && result == CSV_END;
}

static int print_import(struct import *i, bool whole)
{
    static const struct column import_columns[] = {
        {"rows", ROWS_COUNT, false, NULL},
        {"set",  ROWS_COUNT, false, NULL},
        {"bad",  ROWS_COUNT, false, NULL},
        {NULL,   ROWS_TEXT,  false, NULL},
    };
    struct rows *rows = ctl_rows_new(import_columns);
    ctl_rows_add(rows);
    ctl_rows_set_int(rows, "rows", i->rows);
    ctl_rows_set_int(rows, "set", i->set);
    ctl_rows_set_int(rows, "bad", ctl_bad_count(i->bad));
    ctl_bad_attach(i->bad, rows, i->ctl->json);
    int code = ctl_rows_print(rows, ROWS_ONE, i->ctl->json);
    if (!whole)
        return ctl_fail("the import broke off; repeated it goes on");
    return i->set > 0 ? code : ctl_fail("FILE: no row could be imported");
}

int ctl_rate_import(struct ctl *c, const struct args *a)
{
    const char *file = ctl_args_text(a, "FILE");
    struct import i = {
        .ctl = c, .deck = ctl_args_text(a, "--deck"), .csv = ctl_csv_open(file, header)};
    if (!i.csv)
        return CTL_FAILED;
    i.bad = ctl_bad_new(file);
    bool whole = take_rows(&i);
    int code = print_import(&i, whole);
    cmd_free(&i.cmd);
    ctl_bad_free(i.bad);
    ctl_csv_close(i.csv);
    return code;
}
