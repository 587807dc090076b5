/* account add, set, list, show, credit. */
#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "secret.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_ACCOUNT "1000001"

enum { TRIES = 1000, REF_BYTES = 8 };

static const struct column account_columns[] = {
    {"accountno",        ROWS_TEXT,    false, "id"         },
    {"name",             ROWS_TEXT,    false, NULL         },
    {"kind",             ROWS_TEXT,    false, NULL         },
    {"status",           ROWS_COUNT,   false, NULL         },
    {"balance",          ROWS_MONEY,   false, NULL         },
    {"sessions",         ROWS_COUNT,   false, NULL         },
    {"deck",             ROWS_TEXT,    false, NULL         },
    {"created",          ROWS_TIME,    false, NULL         },
    {"did_monthly",      ROWS_MONEY,   true,  NULL         },
    {"did_setup",        ROWS_MONEY,   true,  NULL         },
    {"tfn_monthly",      ROWS_MONEY,   true,  NULL         },
    {"tfn_setup",        ROWS_MONEY,   true,  NULL         },
    {"per_order_cost",   ROWS_MONEY,   true,  NULL         },
    {"other_charges",    ROWS_MONEY,   true,  NULL         },
    {"tax_percent",      ROWS_PERCENT, true,  "tax_bp"     },
    {"discount_percent", ROWS_PERCENT, true,  "discount_bp"},
    {"call_tax_percent", ROWS_PERCENT, true,  "call_tax_bp"},
    {"held",             ROWS_MONEY,   true,  NULL         },
    {"low_balance",      ROWS_MONEY,   true,  NULL         },
    {"in_rate",          ROWS_RATE,    true,  NULL         },
    {"tfn_rate",         ROWS_RATE,    true,  NULL         },
    {"in_increment",     ROWS_COUNT,   true,  NULL         },
    {"in_minimum",       ROWS_COUNT,   true,  NULL         },
    {"onnet_rate",       ROWS_RATE,    true,  NULL         },
    {NULL,               ROWS_TEXT,    false, NULL         },
};

static const struct refusal refusals[] = {
    {"notfound",     "ACCT: no such account"                 },
    {"exists",       "--id: there is such an account already"},
    {"insufficient", "AMOUNT: more than the balance"         },
    {NULL,           NULL                                    },
};

/* Activities of the API document that a person books; the others are the platform's own. */
static const char *const activities[] = {
    "Bank Transfer",    "Bank Fee",        "Paypal Transfer",   "Paypal Fee",
    "Credit Card",      "Credit Card Fee", "Payment Cancelled", "Payment Refund",
    "Test Call Credit", "Call Charges",    "USF Tax Deduction", NULL,
};

/* An account's limit, mark or rate "none" is an empty field. */
static void add_field(void *arg, const char *field, const char *value)
{
    struct cmd *cmd = arg;
    bool optional = strcmp(field, "sessions") == 0 || strcmp(field, "low_balance") == 0 ||
                    strcmp(field, "onnet_rate") == 0;
    cmd_text(cmd, field);
    cmd_text(cmd, optional && strcmp(value, "none") == 0 ? "" : value);
}

static int print_account(struct ctl *c, const char *account)
{
    struct redisReply *reply;
    if (!ctl_read(c, refusals, &reply, "account_get", key_account(account).text, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(account_columns);
    ctl_rows_add(rows);
    ctl_rows_set_pairs(rows, reply, 1);
    reply_free(reply);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

static int create(struct ctl *c, const struct args *a, const char *account,
                  struct redisReply **reply)
{
    struct cmd cmd = {0};
    cmd_fcall(&cmd, "account_create", key_account(account).text);
    cmd_text(&cmd, account);
    add_field(&cmd, "kind", ctl_args_given(a, "--sandbox") ? "sandbox" : "live");
    ctl_args_fields(a, add_field, &cmd);
    int err = redis_send(c->redis, &cmd, reply);
    cmd_free(&cmd);
    return err;
}

static bool next_account(struct ctl *c, char account[static 32])
{
    struct redisReply *reply;
    if (!ctl_call(c, NULL, &reply, "seq_next", key_sequence("account").text, FIRST_ACCOUNT, NULL))
        return false;
    span_copy(reply_span(reply, 1), account, 32);
    reply_free(reply);
    return true;
}

/* Creates the account under its own number, or under the first of the sequence that is free:
 * numbers that were chosen with --id may be in its way. */
static int create_numbered(struct ctl *c, const struct args *a, char account[static 32])
{
    bool chosen = ctl_args_given(a, "--id");
    struct redisReply *reply = NULL;
    int err = ERR_REFUSED;
    span_copy(span_of(ctl_args_text(a, "--id")), account, 32);
    for (int i = 0; i < (chosen ? 1 : TRIES) && err == ERR_REFUSED; i++) {
        reply_free(reply);
        reply = NULL;
        if (!chosen && !next_account(c, account))
            return CTL_FAILED;
        err = create(c, a, account, &reply);
    }
    int code = err < 0 ? ctl_explain(c, err, reply, refusals) : CTL_DONE;
    /* Also when it was there: a try that broke off may have left it out of the index. */
    bool there = err == ERR_OK || (err == ERR_REFUSED && chosen);
    if (there && !ctl_call(c, NULL, NULL, "index_add", KEY_ACCOUNTS, account, NULL))
        code = CTL_FAILED;
    reply_free(reply);
    return code;
}

int ctl_account_add(struct ctl *c, const struct args *a)
{
    char account[32];
    int code = create_numbered(c, a, account);
    return code == CTL_DONE ? print_account(c, account) : code;
}

static void count_field(void *arg, const char *field, const char *value)
{
    (void)field;
    (void)value;
    ++*(size_t *)arg;
}

int ctl_account_set(struct ctl *c, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT");
    size_t fields = 0;
    ctl_args_fields(a, count_field, &fields);
    if (fields == 0)
        return ctl_usage("nothing to set: trunkctl help account set");
    struct cmd cmd = {0};
    cmd_fcall(&cmd, "account_set", key_account(account).text);
    ctl_args_fields(a, add_field, &cmd);
    if (!ctl_send(c, &cmd, refusals, NULL))
        return CTL_FAILED;
    return print_account(c, account);
}

int ctl_account_show(struct ctl *c, const struct args *a)
{
    return print_account(c, ctl_args_text(a, "ACCT"));
}

static void add_row(void *arg, const char *name, const struct redisReply *reply)
{
    struct rows *rows = arg;
    (void)name;
    ctl_rows_add(rows);
    ctl_rows_set_pairs(rows, reply, 1);
}

int ctl_account_list(struct ctl *c, const struct args *a)
{
    (void)a;
    struct names accounts = {0};
    if (!ctl_index(c, KEY_ACCOUNTS, &accounts))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(account_columns);
    bool good = ctl_each(c, &accounts, key_account, "account_get", NULL, add_row, rows);
    ctl_names_free(&accounts);
    if (good)
        return ctl_rows_print(rows, ROWS_LIST, c->json);
    ctl_rows_free(rows);
    return CTL_FAILED;
}

static bool known_activity(const char *activity)
{
    for (size_t i = 0; activities[i]; i++) {
        if (strcmp(activities[i], activity) == 0)
            return true;
    }
    return false;
}

static int print_booking(struct ctl *c, const char *account, const char *ref,
                         const struct redisReply *reply, bool repeated)
{
    static const struct column columns[] = {
        {"accountno", ROWS_TEXT,  false, NULL},
        {"balance",   ROWS_MONEY, false, NULL},
        {"ref",       ROWS_TEXT,  false, NULL},
        {"booked",    ROWS_TEXT,  false, NULL},
        {NULL,        ROWS_TEXT,  false, NULL},
    };
    struct rows *rows = ctl_rows_new(columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "accountno", account);
    ctl_rows_set(rows, "balance", reply_text(reply, 1));
    ctl_rows_set(rows, "ref", ref);
    ctl_rows_set(rows, "booked", repeated ? "before" : "now");
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

/* Activities that bring money in are payments, too. */
static const struct {
    const char *activity, *method;
} transfers[] = {
    {"Bank Transfer",   "Bank"       },
    {"Paypal Transfer", "Paypal"     },
    {"Credit Card",     "Credit Card"},
};

static const char *payment_method(const char *activity, const char *amount)
{
    for (size_t i = 0; i < sizeof(transfers) / sizeof(*transfers) && *amount != '-'; i++) {
        if (strcmp(transfers[i].activity, activity) == 0)
            return transfers[i].method;
    }
    return NULL;
}

static int send_booking(struct ctl *c, const struct args *a, const char *ref,
                        struct redisReply **reply)
{
    const char *activity = ctl_args_text(a, "--activity"), *amount = ctl_args_text(a, "AMOUNT");
    const char *note = ctl_args_text(a, "--note"), *method = payment_method(activity, amount);
    struct key key = key_account(ctl_args_text(a, "ACCT"));
    if (method)
        return redis_fcall(c->redis, reply, "payment_add", key.text, ref, method, amount, "0", note,
                           NULL);
    return redis_fcall(c->redis, reply, "account_book", key.text, amount, activity, ref, note, "",
                       NULL);
}

static int book(struct ctl *c, const struct args *a, const char *ref)
{
    const char *account = ctl_args_text(a, "ACCT");
    struct redisReply *reply = NULL;
    int err = send_booking(c, a, ref, &reply);
    bool repeated = err == ERR_REFUSED && strcmp(reply_word(reply), "repeat") == 0;
    int code;
    if (err == ERR_OK || repeated)
        code = print_booking(c, account, ref, reply, repeated);
    else
        code = ctl_explain(c, err, reply, refusals);
    if (err == ERR_TIMEOUT || err == ERR_UNAVAILABLE)
        ctl_fail("it may have been booked; repeated with --ref %s it is booked once", ref);
    reply_free(reply);
    return code;
}

int ctl_account_credit(struct ctl *c, const struct args *a)
{
    char random[2 * REF_BYTES + 1];
    if (!known_activity(ctl_args_text(a, "--activity"))) {
        fputs("trunkctl: Invalid --activity: expected one of:\n", stderr);
        for (size_t i = 0; activities[i]; i++)
            fprintf(stderr, "  %s\n", activities[i]);
        return CTL_USAGE;
    }
    if (ctl_args_given(a, "--ref"))
        return book(c, a, ctl_args_text(a, "--ref"));
    if (secret_random_hex(REF_BYTES, random) < 0)
        return ctl_fail("no random numbers");
    char *ref = ctl_format("ctl:%s", random);
    int code = book(c, a, ref);
    free(ref);
    return code;
}
