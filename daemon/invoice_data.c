#include "invoice_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "keys.h"
#include "log.h"
#include "reply.h"

#define PAGE_LINES "1000"

static const struct {
    const char *activity;
    enum invoice_kind kind;
} kinds[] = {
    {"Call Charges",      INVOICE_CHARGE },
    {"Order (New DIDs)",  INVOICE_CHARGE },
    {"Order (LNP)",       INVOICE_CHARGE },
    {"USF Tax Deduction", INVOICE_TAX    },
    {"Bank Transfer",     INVOICE_PAYMENT},
    {"Paypal Transfer",   INVOICE_PAYMENT},
    {"Credit Card",       INVOICE_PAYMENT},
    {"Test Call Credit",  INVOICE_PAYMENT},
    {"Payment Refund",    INVOICE_PAYMENT},
    {"Payment Cancelled", INVOICE_PAYMENT},
    {"Bank Fee",          INVOICE_FEE    },
    {"Paypal Fee",        INVOICE_FEE    },
    {"Credit Card Fee",   INVOICE_FEE    },
};

/* An activity that is not listed is a charge. */
static enum invoice_kind kind_of(const char *activity)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(kinds[i].activity, activity) == 0)
            return kinds[i].kind;
    }
    return INVOICE_CHARGE;
}

/* The sum of an activity; all that don't fit share the last one. NULL: no memory. */
static struct invoice_sum *find_sum(struct invoice_data *d, const char *activity)
{
    for (size_t i = 0; i < d->sum_n; i++) {
        if (strcmp(d->sums[i].activity, activity) == 0)
            return &d->sums[i];
    }
    if (d->sum_n == INVOICE_SUMS)
        return &d->sums[INVOICE_SUMS - 1];
    struct invoice_sum *sum = &d->sums[d->sum_n];
    *sum = (struct invoice_sum){.activity = scratch_text(d->mem, span_of(activity)),
                                .kind = kind_of(activity)};
    if (!sum->activity)
        return NULL;
    d->sum_n++;
    return sum;
}

/* Lines of calls, and of the tax on each, are told by the calls themselves. */
static bool of_call(const char *ref)
{
    static const char call[] = "call:", tax[] = "tax:";
    enum { MONTH_DASH = sizeof(tax) - 1 + 4 }; /* "tax:YYYY-MM" is of monthly fees */
    if (strncmp(ref, tax, sizeof(tax) - 1) == 0)
        return strlen(ref) != MONTH_DASH + 3 || ref[MONTH_DASH] != '-';
    return strncmp(ref, call, sizeof(call) - 1) == 0;
}

/* What a line without a note is about: its ref, in words where it is one of ours. */
static const char *about(struct scratch *mem, const char *ref)
{
    static const struct {
        const char *head, *words;
    } known[] = {
        {"order:",       "Order "                  },
        {"port:",        "Port-in order "          },
        {"refund:port:", "Refund of port-in order "},
        {"payment:",     "Payment "                },
        {"tax:",         "Tax on monthly fees "    },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        size_t n = strlen(known[i].head);
        if (strncmp(ref, known[i].head, n) == 0) /* "payment:P1:fee" is about the payment */
            return scratch_printf(mem, "%s%.*s", known[i].words, (int)strcspn(ref + n, ":"),
                                  ref + n);
    }
    return scratch_text(mem, span_of(ref));
}

static int keep_booking(struct invoice_data *d, const struct table *t, size_t row,
                        const struct invoice_sum *sum, money_t amount)
{
    if (of_call(table_text(t, row, "ref")) || d->booking_n++ >= INVOICE_BOOKINGS)
        return ERR_OK;
    struct invoice_booking *b = scratch_alloc(d->mem, sizeof(*b));
    if (!b)
        return ERR_NOMEM;
    const char *note = table_text(t, row, "note");
    *b = (struct invoice_booking){
        .ms = strtoll(table_text(t, row, "id"), NULL, 10),
        .activity = sum->activity,
        .note =
            *note ? scratch_text(d->mem, span_of(note)) : about(d->mem, table_text(t, row, "ref")),
        .amount = amount,
    };
    if (!b->note)
        return ERR_NOMEM;
    *d->booking_end = b;
    d->booking_end = &b->next;
    return ERR_OK;
}

static int add_line(struct invoice_data *d, const struct table *t, size_t row)
{
    money_t amount = table_int(t, row, "amount", 0);
    struct invoice_sum *sum = find_sum(d, table_text(t, row, "activity"));
    if (!sum)
        return ERR_NOMEM;
    sum->count++;
    sum->amount += amount;
    d->kinds[sum->kind] += amount;
    if (strncmp(table_text(t, row, "ref"), "call:", 5) == 0)
        d->calls += amount;
    d->closing = table_int(t, row, "balance", 0);
    if (amount % MONEY_CENT != 0)
        d->decimals = 4;
    return keep_booking(d, t, row, sum, amount);
}

/* Lines of a page up to the month's end. *ret_last: the id to go on after, NULL at the end. */
static int add_page(struct invoice_data *d, const struct table *t, bool first,
                    const char **ret_last)
{
    int err = ERR_OK;
    size_t row = 0;
    if (first && t->rows)
        d->opening = d->closing = table_int(t, 0, "balance", 0) - table_int(t, 0, "amount", 0);
    for (; row < t->rows && err == ERR_OK; row++) {
        if (strtoll(table_text(t, row, "id"), NULL, 10) >= d->to_ms)
            break;
        err = add_line(d, t, row);
    }
    *ret_last = NULL;
    if (err == ERR_OK && t->rows && row == t->rows) {
        *ret_last = scratch_text(d->mem, span_of(table_text(t, row - 1, "id")));
        err = *ret_last ? ERR_OK : ERR_NOMEM;
    }
    return err;
}

static int read_ledger(struct invoice_data *d)
{
    char start[48];
    const char *after = start;
    int err = ERR_OK;
    snprintf(start, sizeof(start), "%" PRId64 "-18446744073709551615", d->from_ms - 1);
    for (bool first = true; err == ERR_OK && after; first = false) {
        struct redisReply *r = NULL;
        struct table t;
        err = redis_fcall_ro(d->redis, &r, "ledger_list", key_account(d->account).text, after,
                             PAGE_LINES, NULL);
        if (err == ERR_OK)
            err = table_open(r, 1, &t);
        if (err == ERR_OK)
            err = add_page(d, &t, first, &after);
        reply_free(r);
    }
    return err;
}

/* "YYYY-MM" to the moments around it. */
static int read_month(struct invoice_data *d, const char *month)
{
    char text[16];
    int year, m;
    snprintf(text, sizeof(text), "%.7s-01", month);
    if (strlen(month) != 7 || clock_parse(span_of(text), &d->from_ms) != ERR_OK)
        return ERR_INVALID;
    if (sscanf(month, "%4d-%2d", &year, &m) != 2)
        return ERR_INVALID;
    snprintf(text, sizeof(text), "%04u-%02u-01", (unsigned)(m == 12 ? year + 1 : year) % 10000U,
             (unsigned)(m == 12 ? 1 : m + 1) % 100U);
    memcpy(d->month, month, sizeof(d->month));
    return clock_parse(span_of(text), &d->to_ms);
}

/* By the store's clock. */
static int check_over(const struct invoice_data *d)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(d->redis, &r, "invoice_due", key_account(d->account).text, NULL);
    if (err == ERR_OK && strcmp(d->month, reply_text(r, 1)) > 0)
        err = ERR_RANGE;
    if (err == ERR_REFUSED && strcmp(reply_word(r), "none") == 0)
        err = ERR_RANGE;
    reply_free(r);
    return err;
}

int invoice_read(struct invoice_data *d, const char *month)
{
    struct redisReply *r = NULL;
    d->decimals = 2;
    d->booking_end = &d->bookings;
    int err = read_month(d, month);
    if (err == ERR_OK)
        err = check_over(d);
    if (err == ERR_OK)
        err = redis_fcall_ro(d->redis, &r, "account_get", key_account(d->account).text, NULL);
    if (err == ERR_OK) {
        d->name = scratch_text(d->mem, span_of(reply_field(r, 1, "name")));
        /* Without a line since the month began it is the balance of then. */
        d->opening = d->closing = strtoll(reply_field(r, 1, "balance"), NULL, 10);
        err = d->name ? read_ledger(d) : ERR_NOMEM;
    }
    money_t moved = 0;
    for (int i = 0; i < INVOICE_KINDS; i++)
        moved += d->kinds[i];
    if (err == ERR_OK && d->opening + moved != d->closing) {
        log_error("account %s: the ledger of %s does not add up", d->account, d->month);
        err = ERR_PROTOCOL;
    }
    reply_free(r);
    return err;
}
