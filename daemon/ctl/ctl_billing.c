/* payment list, add, refund, cancel; fee run; invoice make, list. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "invoice.h"

static const struct column payment_columns[] = {
    {"referenceno", ROWS_TEXT,  false, "id"},
    {"created",     ROWS_TIME,  false, NULL},
    {"method",      ROWS_TEXT,  false, NULL},
    {"funded",      ROWS_MONEY, false, NULL},
    {"charges",     ROWS_MONEY, false, NULL},
    {"refunded",    ROWS_MONEY, false, NULL},
    {"step",        ROWS_TEXT,  false, NULL},
    {"status",      ROWS_COUNT, true,  NULL},
    {"gateway",     ROWS_TEXT,  true,  NULL},
    {"reference",   ROWS_TEXT,  true,  NULL},
    {"reason",      ROWS_TEXT,  false, NULL},
    {NULL,          ROWS_TEXT,  false, NULL},
};

static const struct refusal payment_refusals[] = {
    {"notfound", "ACCT or REF: no such account or payment"          },
    {"state",    "REF: the payment is not of a state that allows it"},
    {"range",    "AMOUNT: more than what is left of the payment"    },
    {"repeat",   "--ref: booked before"                             },
    {NULL,       NULL                                               },
};

static const struct refusal no_account[] = {
    {"notfound", "ACCT: no such account"      },
    {"closed",   "ACCT: the account is closed"},
    {NULL,       NULL                         },
};

static int print_payments(struct ctl *c, const char *account, const char *id)
{
    struct redisReply *reply;
    if (!ctl_read(c, no_account, NULL, "account_get", key_account(account).text, NULL) ||
        !ctl_read(c, no_account, &reply, "payment_list", key_account(account).text, id, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(payment_columns);
    bool good = ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    if (!good) {
        ctl_rows_free(rows);
        return ctl_fail("the reply holds no table");
    }
    bool one = *id && ctl_rows_count(rows) == 1;
    return ctl_rows_print(rows, one ? ROWS_ONE : ROWS_LIST, c->json);
}

int ctl_payment_list(struct ctl *c, const struct args *a)
{
    return print_payments(c, ctl_args_text(a, "ACCT"), "");
}

int ctl_payment_add(struct ctl *c, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT"), *ref = ctl_args_text(a, "--ref");
    const char *method = ctl_args_text(a, "--method");
    if (strcmp(method, "Bank") != 0 && strcmp(method, "Paypal") != 0 &&
        strcmp(method, "Credit Card") != 0)
        return ctl_usage("Invalid --method: expected Bank, Paypal or Credit Card");
    if (!ctl_call(c, payment_refusals, NULL, "payment_add", key_account(account).text, ref, method,
                  ctl_args_text(a, "AMOUNT"), ctl_args_text(a, "--fee"), ctl_args_text(a, "--note"),
                  NULL))
        return CTL_FAILED;
    return print_payments(c, account, ref);
}

int ctl_payment_refund(struct ctl *c, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT"), *ref = ctl_args_text(a, "REF");
    if (!ctl_call(c, payment_refusals, NULL, "payment_refund", key_account(account).text, ref,
                  ctl_args_text(a, "AMOUNT"), NULL))
        return CTL_FAILED;
    return print_payments(c, account, ref);
}

int ctl_payment_cancel(struct ctl *c, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT"), *ref = ctl_args_text(a, "REF");
    if (!ctl_call(c, payment_refusals, NULL, "payment_cancel", key_account(account).text, ref,
                  ctl_args_text(a, "--note"), NULL))
        return CTL_FAILED;
    return print_payments(c, account, ref);
}

static const struct column fee_columns[] = {
    {"accountno", ROWS_TEXT,  false, NULL},
    {"month",     ROWS_TEXT,  false, NULL},
    {"numbers",   ROWS_COUNT, false, NULL},
    {"amount",    ROWS_MONEY, false, NULL},
    {"tax",       ROWS_MONEY, false, NULL},
    {"balance",   ROWS_MONEY, false, NULL},
    {NULL,        ROWS_TEXT,  false, NULL},
};

/* Books the months of an account that are due; none is fine. */
static bool charge_fees(struct ctl *c, const char *account, bool named, struct rows *rows)
{
    for (;;) {
        struct redisReply *r = NULL;
        int err = redis_fcall(c->redis, &r, "fee_charge", key_account(account).text, NULL);
        bool none = err == ERR_REFUSED && (strcmp(reply_word(r), "none") == 0 || !named);
        if (err == ERR_OK) {
            ctl_rows_add(rows);
            ctl_rows_set(rows, "accountno", account);
            for (size_t i = 1; fee_columns[i].name; i++)
                ctl_rows_set(rows, fee_columns[i].name, reply_text(r, i));
        } else if (!none) {
            ctl_explain(c, err, r, no_account);
        }
        reply_free(r);
        if (err != ERR_OK)
            return none;
    }
}

int ctl_fee_run(struct ctl *c, const struct args *a)
{
    struct names accounts = {0};
    bool named = ctl_args_given(a, "ACCT"), good = true;
    if (named)
        ctl_names_add(&accounts, ctl_args_text(a, "ACCT"));
    else if (!ctl_index(c, KEY_ACCOUNTS, &accounts))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(fee_columns);
    for (size_t i = 0; i < accounts.n && good; i++)
        good = charge_fees(c, accounts.v[i], named, rows);
    ctl_names_free(&accounts);
    if (good)
        return ctl_rows_print(rows, ROWS_LIST, c->json);
    ctl_rows_free(rows);
    return CTL_FAILED;
}

static const struct column made_columns[] = {
    {"accountno", ROWS_TEXT,  false, NULL},
    {"month",     ROWS_TEXT,  false, NULL},
    {"charges",   ROWS_MONEY, false, NULL},
    {"payments",  ROWS_MONEY, false, NULL},
    {"balance",   ROWS_MONEY, false, NULL},
    {"pages",     ROWS_COUNT, false, NULL},
    {"file",      ROWS_TEXT,  false, NULL},
    {NULL,        ROWS_TEXT,  false, NULL},
};

static int explain_invoice(const struct ctl *c, int err)
{
    switch (err) {
    case ERR_INVALID:
        return ctl_usage("Invalid MONTH: expected YYYY-MM");
    case ERR_RANGE:
        return ctl_fail("MONTH: it is not over, or the account is younger");
    case ERR_REFUSED:
        return ctl_fail("ACCT: no such account");
    case ERR_SYSTEM:
        return ctl_fail("files.dir %s: %s", c->conf.files.dir, strerror(errno));
    default:
        return ctl_fail("%s", err_text(err));
    }
}

int ctl_invoice_make(struct ctl *c, const struct args *a)
{
    struct scratch mem = {0};
    struct invoice_place place = {0};
    const char *account = ctl_args_text(a, "ACCT"), *month = ctl_args_text(a, "MONTH");
    int err = invoice_make(c->redis, &c->conf, &mem, account, month, &place);
    if (err != ERR_OK) {
        scratch_clear(&mem);
        return explain_invoice(c, err);
    }
    struct rows *rows = ctl_rows_new(made_columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "accountno", account);
    ctl_rows_set(rows, "month", month);
    ctl_rows_set_int(rows, "charges", place.charges);
    ctl_rows_set_int(rows, "payments", place.payments);
    ctl_rows_set_int(rows, "balance", place.balance);
    ctl_rows_set_int(rows, "pages", (int64_t)place.pages);
    ctl_rows_set(rows, "file", place.file);
    scratch_clear(&mem);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

static const struct column invoice_columns[] = {
    {"month",    ROWS_TEXT,  false, NULL},
    {"date",     ROWS_TIME,  false, NULL},
    {"charges",  ROWS_MONEY, false, NULL},
    {"payments", ROWS_MONEY, false, NULL},
    {"balance",  ROWS_MONEY, false, NULL},
    {"file",     ROWS_TEXT,  false, NULL},
    {NULL,       ROWS_TEXT,  false, NULL},
};

int ctl_invoice_list(struct ctl *c, const struct args *a)
{
    struct redisReply *reply;
    struct key key = key_account(ctl_args_text(a, "ACCT"));
    if (!ctl_read(c, no_account, NULL, "account_get", key.text, NULL) ||
        !ctl_read(c, no_account, &reply, "invoice_list", key.text, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(invoice_columns);
    bool good = ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    if (good)
        return ctl_rows_print(rows, ROWS_LIST, c->json);
    ctl_rows_free(rows);
    return ctl_fail("the reply holds no table");
}
