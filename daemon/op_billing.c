/* Ledger, payments and invoices as the customer sees them. */
#include <inttypes.h>
#include <stdlib.h>

#include "op.h"
#include "reply.h"

#define PAGE_LINES "1000" /* lines of the ledger in one reply of Redis */

static const char all_activity[] = "All Activity";

/* A walk over the ledger that shows the lines of one page. */
struct walk {
    const char *activity; /* "": all */
    size_t from, to, at;  /* lines to show; lines seen that match */
    const char *last;     /* id of the last line read */
};

/* A line's id begins with its time. */
static void show_line(struct op *op, const struct table *t, size_t row)
{
    struct answer *a = op->answer;
    int64_t amount = table_int(t, row, "amount", 0);
    answer_object(a, NULL);
    answer_text(a, "accountno", op->account);
    answer_time(a, "date", strtoll(table_text(t, row, "id"), NULL, 10));
    answer_text(a, "activity", table_text(t, row, "activity"));
    answer_money(a, "debit", amount < 0 ? -amount : 0);
    answer_money(a, "credit", amount > 0 ? amount : 0);
    answer_money(a, "balance", table_int(t, row, "balance", 0));
    answer_close(a);
}

static int show_lines(struct op *op, struct walk *w, const struct table *t)
{
    for (size_t row = 0; row < t->rows; row++) {
        if (*w->activity && strcmp(table_text(t, row, "activity"), w->activity) != 0)
            continue;
        if (w->at >= w->from && w->at < w->to)
            show_line(op, t, row);
        w->at++;
    }
    if (t->rows)
        w->last = scratch_text(op->mem, span_of(table_text(t, t->rows - 1, "id")));
    return w->last ? ERR_OK : ERR_NOMEM;
}

static int walk_ledger(struct op *op, struct walk *w)
{
    size_t rows = 1;
    int err = ERR_OK;
    while (err == ERR_OK && rows > 0) {
        struct redisReply *r = NULL;
        struct table t = {0};
        err = redis_fcall_ro(op->redis, &r, "ledger_list", op->account_key.text, w->last,
                             PAGE_LINES, NULL);
        if (err == ERR_OK)
            err = table_open(r, 1, &t);
        if (err == ERR_OK)
            err = show_lines(op, w, &t);
        rows = t.rows;
        reply_free(r);
    }
    return err;
}

int op_financial(struct op *op)
{
    const char *activity = op_text(op, "activitytype");
    int64_t from = op_number(op, "offset", 0), limit = op_number(op, "limit", INT64_MAX);
    struct walk w = {
        .activity = strcmp(activity, all_activity) == 0 ? "" : activity,
        .from = (size_t)from,
        .to = limit > INT64_MAX - from ? SIZE_MAX : (size_t)(from + limit),
        .last = "",
    };
    answer_list(op->answer, "data");
    int err = walk_ledger(op, &w);
    answer_close(op->answer);
    op_total(op, (int64_t)w.at);
    return err;
}

enum { DAY_TEXT = 10, SECOND_MS = 1000, DAY_MS = 86400000 };
#define MS_MAX INT64_C(100000000000000) /* KEYS.md: the latest time */

static int64_t clamp(int64_t ms)
{
    return ms < 0 ? 0 : ms > MS_MAX ? MS_MAX : ms;
}

static int64_t from_ms(const struct op *op)
{
    return clamp(op_number(op, "from", 0));
}

/* Ranges are inclusive: a day alone means its end, a second its last millisecond. */
static int64_t to_ms(const struct op *op)
{
    const struct arg *arg = op_arg(op, "to");
    int64_t more = strlen(arg->text) == DAY_TEXT ? DAY_MS - 1 : SECOND_MS - 1;
    return arg->set ? clamp(arg->number + more) : MS_MAX;
}

/* The document's samples write the ways of payment in lower case, and as parameter in full. */
static const char *method_text(const char *method)
{
    static const char *const texts[][2] = {
        {"Paypal",      "paypal"     },
        {"Bank",        "bank"       },
        {"Credit Card", "credit card"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (strcmp(texts[i][0], method) == 0)
            return texts[i][1];
    }
    return method;
}

static void show_payment(struct op *op, const struct table *t, size_t row)
{
    struct answer *a = op->answer;
    int64_t funded = table_int(t, row, "funded", 0), charges = table_int(t, row, "charges", 0);
    answer_object(a, NULL);
    answer_text(a, "accountno", op->account);
    answer_time(a, "date", table_int(t, row, "created", 0));
    answer_text(a, "referenceno", table_text(t, row, "id"));
    answer_money(a, "funded_amount", funded);
    answer_money(a, "charges", charges);
    answer_money(a, "amount", funded - charges);
    answer_text(a, "method", method_text(table_text(t, row, "method")));
    answer_text(a, "status", table_text(t, row, "status"));
    answer_close(a);
}

int op_payments(struct op *op)
{
    struct redisReply *r = NULL;
    struct table t;
    const char *from = scratch_printf(op->mem, "%" PRId64, from_ms(op));
    const char *to = scratch_printf(op->mem, "%" PRId64, to_ms(op));
    int err = from && to ? redis_fcall_ro(op->redis, &r, "payment_list", op->account_key.text,
                                          op_text(op, "referenceno"), op_text(op, "method"), from,
                                          to, NULL)
                         : ERR_NOMEM;
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    if (err == ERR_OK) {
        struct op_page page = op_page(op, t.rows, 0);
        answer_list(op->answer, "data");
        for (size_t row = page.from; row < page.to; row++)
            show_payment(op, &t, row);
        answer_close(op->answer);
    }
    reply_free(r);
    return err;
}

static bool within(const struct op *op, int64_t date)
{
    return date >= from_ms(op) && date <= to_ms(op);
}

static void show_invoice(struct op *op, const struct table *t, size_t row)
{
    struct answer *a = op->answer;
    const char *path = scratch_printf(op->mem, "/downloads/%s", table_text(t, row, "file"));
    const char *link = path ? op_link(op, path) : NULL;
    answer_object(a, NULL);
    answer_time(a, "date", table_int(t, row, "date", 0));
    answer_text(a, "file", link ? link : "");
    answer_close(a);
}

int op_invoices(struct op *op)
{
    struct redisReply *r = NULL;
    struct table t;
    int err = redis_fcall_ro(op->redis, &r, "invoice_list", op->account_key.text, NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    if (err == ERR_OK) {
        size_t total = 0, at = 0;
        for (size_t row = 0; row < t.rows; row++)
            total += within(op, table_int(&t, row, "date", 0));
        struct op_page page = op_page(op, total, 0);
        answer_list(op->answer, "data");
        for (size_t row = 0; row < t.rows; row++) {
            if (!within(op, table_int(&t, row, "date", 0)))
                continue;
            if (at >= page.from && at < page.to)
                show_invoice(op, &t, row);
            at++;
        }
        answer_close(op->answer);
    }
    reply_free(r);
    return err;
}
