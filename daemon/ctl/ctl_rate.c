/* rate set, import, list: what a customer pays for a minute to a dialled prefix. */
#include "ctl_import.h"
#include "ctl_verbs.h"
#include "money.h"
#include "num.h"

enum {
    PREFIX,
    RATE,
    INCREMENT,
    MINIMUM, /* columns of a file */
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

/* NULL when the row waits to be sent, else why it can't be taken. */
static const char *take_row(void *call, const struct span fields[CSV_FIELDS])
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
    struct cmd *cmd = ctl_import_row(call);
    cmd_text(cmd, prefix);
    cmd_int(cmd, rate);
    cmd_int(cmd, increment);
    cmd_int(cmd, minimum);
    return NULL;
}

static int64_t report(const void *arg, struct rows *result)
{
    const struct import_call *call = arg;
    ctl_rows_set_int(result, "set", call->counted);
    return call->counted;
}

int ctl_rate_import(struct ctl *c, const struct args *a)
{
    static const struct column import_columns[] = {
        {"rows", ROWS_COUNT, false, NULL},
        {"set",  ROWS_COUNT, false, NULL},
        {"bad",  ROWS_COUNT, false, NULL},
        {NULL,   ROWS_TEXT,  false, NULL},
    };
    static const struct import import = {
        header, import_columns, take_row, ctl_import_call_full, ctl_import_call_flush, report};
    struct import_call call = {
        .ctl = c, .function = "rate_set", .key = key_deck(ctl_args_text(a, "--deck"))};
    return ctl_import(c, ctl_args_text(a, "FILE"), &import, &call);
}
