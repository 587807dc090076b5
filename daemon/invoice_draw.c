#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "invoice_calls.h"
#include "invoice_data.h"
#include "keys.h"
#include "paper_table.h"
#include "reply.h"

enum { CALLS_MOST = 20000, NUMBERS_MOST = 20000, DAY_TEXT = 11 };

static void day_text(int64_t ms, char buf[CLOCK_TEXT])
{
    clock_text(ms, buf);
    buf[DAY_TEXT - 1] = '\0';
}

/* "October 2026" */
static void month_name(const char *month, char buf[32])
{
    static const char *const names[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
    int m = atoi(month + 5);
    snprintf(buf, 32, "%s %.4s", names[m >= 1 && m <= 12 ? m - 1 : 0], month);
}

static double write_who(const struct invoice_data *d, struct pdf *p, double y)
{
    char text[96], from[CLOCK_TEXT], to[CLOCK_TEXT];
    const double right = PAPER_LEFT + PAPER_TEXT / 2.0 + 12, half = PAPER_TEXT / 2.0 - 12;
    pdf_font(p, PDF_REGULAR, 9);
    pdf_color(p, PAPER_MUTED);
    pdf_text(p, PAPER_LEFT, y, "Bill to");
    pdf_font(p, PDF_BOLD, 12);
    pdf_color(p, PAPER_INK);
    pdf_text_cut(p, PAPER_LEFT, y + 17, half - 12, *d->name ? d->name : d->account);
    pdf_font(p, PDF_REGULAR, 9);
    snprintf(text, sizeof(text), "Account %s", d->account);
    pdf_text(p, PAPER_LEFT, y + 31, text);
    snprintf(text, sizeof(text), "%s-%.4s%s", d->account, d->month, d->month + 5);
    double at = paper_pair(p, right, y, half, "Invoice number", text);
    day_text(d->to_ms, to);
    at = paper_pair(p, right, at, half, "Invoice date", to);
    day_text(d->from_ms, from);
    day_text(d->to_ms - 1, to);
    snprintf(text, sizeof(text), "%s to %s (UTC)", from, to);
    return paper_pair(p, right, at, half, "Billing period", text) + 18;
}

static double summary_row(const struct invoice_data *d, struct pdf *p, double y, const char *name,
                          money_t amount, bool strong)
{
    char text[PAPER_AMOUNT + 8], plain[PAPER_AMOUNT];
    snprintf(text, sizeof(text), "%s$%s", amount < 0 ? PAPER_MINUS : "",
             paper_amount(amount < 0 ? -amount : amount, d->decimals, plain));
    pdf_font(p, strong ? PDF_BOLD : PDF_REGULAR, 10);
    pdf_color(p, PAPER_INK);
    pdf_text(p, PAPER_LEFT, y, name);
    pdf_text_right(p, PAPER_LEFT + 300, y, text);
    return y + 17;
}

/* The box that tells what there is to pay. */
static void write_due(const struct invoice_data *d, struct pdf *p, double y)
{
    char text[PAPER_AMOUNT + 2], plain[PAPER_AMOUNT];
    const double x = PAPER_LEFT + 326, width = PAPER_TEXT - 326;
    money_t due = d->closing < 0 ? -d->closing : 0;
    snprintf(text, sizeof(text), "$%s", paper_amount(due, due % MONEY_CENT ? 4 : 2, plain));
    pdf_color(p, PAPER_ACCENT);
    pdf_box(p, x, y - 14, width, 92);
    pdf_color(p, PAPER_WHITE);
    pdf_font(p, PDF_REGULAR, 10);
    pdf_text(p, x + 16, y + 6, "Amount due");
    pdf_font(p, PDF_BOLD, 24);
    pdf_text(p, x + 16, y + 36, text);
    pdf_font(p, PDF_REGULAR, 9);
    pdf_text(p, x + 16, y + 60,
             due ? "Please pay on receipt." : "Paid from your balance. Thank you.");
}

/* Everything that the balance moved by. */
static double write_summary(const struct invoice_data *d, struct pdf *p, double y)
{
    char text[48], day[CLOCK_TEXT];
    y = paper_section(p, y, "Summary") + 4;
    write_due(d, p, y);
    day_text(d->from_ms, day);
    snprintf(text, sizeof(text), "Balance on %s", day);
    y = summary_row(d, p, y, text, d->opening, false);
    y = summary_row(d, p, y, "Payments and credits", d->kinds[INVOICE_PAYMENT], false);
    if (d->kinds[INVOICE_FEE])
        y = summary_row(d, p, y, "Payment fees", d->kinds[INVOICE_FEE], false);
    y = summary_row(d, p, y, "Charges", d->kinds[INVOICE_CHARGE], false);
    y = summary_row(d, p, y, "Taxes", d->kinds[INVOICE_TAX], false);
    pdf_color(p, PAPER_LINE);
    pdf_rule(p, PAPER_LEFT, y - 8, 300, 0.8);
    day_text(d->to_ms, day);
    snprintf(text, sizeof(text), "Balance on %s", day);
    return summary_row(d, p, y + 6, text, d->closing, true) + 22;
}

static double write_charges(const struct invoice_data *d, struct pdf *p, double y)
{
    static const struct paper_column columns[] = {
        {"Type",     316, false},
        {"Bookings", 100, true },
        {"Amount $", 100, true },
        {NULL,       0,   false},
    };
    struct paper_table t;
    char count[24];
    paper_table_open(&t, p, y, "Charges by type", columns, true, d->decimals);
    for (int kind = INVOICE_FEE; kind < INVOICE_KINDS; kind++) {
        for (size_t i = 0; i < d->sum_n; i++) {
            const struct invoice_sum *sum = &d->sums[i];
            if ((int)sum->kind != kind)
                continue;
            snprintf(count, sizeof(count), "%" PRId64, sum->count);
            paper_table_row(&t, (const char *const[]){sum->activity, count}, -sum->amount);
        }
    }
    return paper_table_close(&t);
}

static void usage_row(struct paper_table *t, const char *id, const char *title, const char *way,
                      const struct table *stats)
{
    char calls[24], minutes[32], processed[24];
    snprintf(processed, sizeof(processed), "%" PRId64, table_int(stats, 0, "processed", 0));
    snprintf(calls, sizeof(calls), "%" PRId64, table_int(stats, 0, "completed", 0));
    int64_t tenths = (table_int(stats, 0, "billed", 0) * 10 + 30) / 60;
    snprintf(minutes, sizeof(minutes), "%" PRId64 ".%" PRId64, tenths / 10, tenths % 10);
    paper_table_row(t, (const char *const[]){title, id, way, processed, calls, minutes},
                    table_int(stats, 0, "amount", 0));
}

/* Rows of the trunk groups of a kind that had calls. */
static int write_trunks(const struct invoice_data *d, struct paper_table *out, struct pdf *p,
                        double y, const char *kind, const char *way)
{
    static const struct paper_column columns[] = {
        {"Trunk group", 156, false},
        {"Id",          50,  false},
        {"Direction",   70,  false},
        {"Attempts",    60,  true },
        {"Answered",    60,  true },
        {"Minutes",     60,  true },
        {"Amount $",    60,  true },
        {NULL,          0,   false},
    };
    struct redisReply *trunks = NULL;
    struct table t;
    struct key key = key_account(d->account);
    int err = redis_fcall_ro(d->redis, &trunks, "trunk_list", key.text, kind, NULL);
    if (err == ERR_OK)
        err = table_open(trunks, 1, &t);
    for (size_t row = 0; err == ERR_OK && row < t.rows; row++) {
        struct redisReply *r = NULL;
        struct table stats;
        const char *id = table_text(&t, row, "id");
        err = redis_fcall_ro(d->redis, &r, "stats_get", key.text, "tg", d->month, id, NULL);
        if (err == ERR_OK)
            err = table_open(r, 1, &stats);
        bool any = err == ERR_OK && stats.rows && table_int(&stats, 0, "processed", 0) > 0;
        if (any && !out->pdf)
            paper_table_open(out, p, y, "Calls by trunk group", columns, true, d->decimals);
        if (any)
            usage_row(out, id, table_text(&t, row, "title"), way, &stats);
        reply_free(r);
    }
    reply_free(trunks);
    return err;
}

static int write_usage(const struct invoice_data *d, struct pdf *p, double *y)
{
    struct paper_table t = {0};
    int err = write_trunks(d, &t, p, *y, "in", "incoming");
    if (err == ERR_OK)
        err = write_trunks(d, &t, p, *y, "out", "outgoing");
    if (t.pdf)
        *y = paper_table_close(&t);
    return err;
}

static double write_bookings(const struct invoice_data *d, struct pdf *p, double y)
{
    static const struct paper_column columns[] = {
        {"Date",     70,  false},
        {"Activity", 110, false},
        {"Note",     256, false},
        {"Amount $", 80,  true },
        {NULL,       0,   false},
    };
    struct paper_table t;
    char day[CLOCK_TEXT], text[80];
    if (!d->bookings)
        return y;
    paper_table_open(&t, p, y, "Bookings other than calls", columns, true, d->decimals);
    for (const struct invoice_booking *b = d->bookings; b; b = b->next) {
        day_text(b->ms, day);
        paper_table_row(&t, (const char *const[]){day, b->activity, b->note}, b->amount);
    }
    y = paper_table_close(&t);
    if (d->booking_n > INVOICE_BOOKINGS) {
        snprintf(text, sizeof(text), "and %zu more: see the financial summary",
                 d->booking_n - INVOICE_BOOKINGS);
        pdf_text(p, PAPER_LEFT, y, text);
    }
    return y;
}

static void number_row(struct paper_table *out, const struct table *t, size_t row)
{
    char day[CLOCK_TEXT];
    day_text(table_int(t, row, "since", 0), day);
    bool tollfree = strcmp(table_text(t, row, "category"), "tollfree") == 0;
    bool active = strcmp(table_text(t, row, "status"), "1") == 0;
    paper_table_row(
        out,
        (const char *const[]){table_text(t, row, "number"), tollfree ? "Toll-free" : "Local",
                              table_text(t, row, "type"), day, active ? "Active" : "Inactive"},
        table_int(t, row, "monthly", 0));
}

/* Numbers in service that came before the month was over. */
static int write_numbers(const struct invoice_data *d, struct pdf *p, double *y)
{
    static const struct paper_column columns[] = {
        {"Number",    116, false},
        {"Kind",      80,  false},
        {"Billing",   90,  false},
        {"Since",     80,  false},
        {"Status",    70,  false},
        {"Monthly $", 80,  true },
        {NULL,        0,   false},
    };
    struct redisReply *r = NULL;
    struct table t;
    struct paper_table out = {0};
    int decimals = 2;
    int err = redis_fcall_ro(d->redis, &r, "number_list", key_account(d->account).text, NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    for (size_t row = 0; err == ERR_OK && row < t.rows; row++) {
        if (table_int(&t, row, "monthly", 0) % MONEY_CENT != 0)
            decimals = 4;
    }
    for (size_t row = 0; err == ERR_OK && row < t.rows && out.rows < NUMBERS_MOST; row++) {
        if (strcmp(table_text(&t, row, "status"), "2") == 0 ||
            table_int(&t, row, "since", 0) >= d->to_ms)
            continue;
        if (!out.pdf)
            paper_table_open(&out, p, *y, "Numbers in service", columns, true, decimals);
        number_row(&out, &t, row);
    }
    if (out.pdf)
        *y = paper_table_close(&out);
    reply_free(r);
    return err;
}

static const struct paper_column call_columns[] = {
    {"Answered (UTC)", 104, false},
    {"",               30,  false},
    {"From",           108, false},
    {"To",             108, false},
    {"Min:sec",        52,  true },
    {"Rate $/min",     58,  true },
    {"Amount $",       56,  true },
    {NULL,             0,   false},
};

struct calls {
    struct paper_table table;
    struct pdf *pdf;
    double y;
    size_t more; /* not listed */
    money_t more_amount;
};

static void add_call(void *arg, const struct invoice_call *call)
{
    struct calls *c = arg;
    char length[32], rate[MONEY_TEXT];
    if (c->table.rows >= CALLS_MOST) {
        c->more++;
        c->more_amount += call->amount;
        return;
    }
    if (!c->table.pdf)
        paper_table_open(&c->table, c->pdf, c->y, "Calls", call_columns, true, 4);
    snprintf(length, sizeof(length), "%" PRId64 ":%02" PRId64, call->billed / 60,
             call->billed % 60);
    paper_table_row(&c->table,
                    (const char *const[]){call->when, call->in ? "in" : "out", call->from, call->to,
                                          length, money_rate_text(call->rate, rate)},
                    call->amount);
}

static void write_note(struct pdf *p, double *y, const char *text)
{
    if (*y > PAPER_BOTTOM) {
        pdf_page(p);
        *y = PAPER_TOP;
    }
    pdf_font(p, PDF_REGULAR, 8.5);
    pdf_color(p, PAPER_MUTED);
    pdf_text(p, PAPER_LEFT, *y - 4, text);
    *y += 14;
}

/* The ledger's sum of calls is the truth; what no record is left of is said. */
static int write_calls(struct invoice_data *d, struct pdf *p, double y)
{
    struct calls c = {.pdf = p, .y = y};
    char text[160], amount[PAPER_AMOUNT];
    int err = invoice_calls(d, add_call, &c);
    if (err != ERR_OK)
        return err;
    y = c.table.pdf ? paper_table_close(&c.table) : y;
    if (c.more) {
        snprintf(text, sizeof(text),
                 "and %zu more calls for $%s: the daily call records list every one.", c.more,
                 paper_amount(c.more_amount, 4, amount));
        write_note(p, &y, text);
    }
    d->missing = -d->calls - c.table.total - c.more_amount;
    if (d->missing != 0) {
        snprintf(text, sizeof(text), "Calls without a record here: $%s",
                 paper_amount(d->missing, 4, amount));
        write_note(p, &y, text);
    }
    return ERR_OK;
}

static int draw(struct invoice_data *d, struct pdf *p)
{
    char name[32], foot[96];
    month_name(d->month, name);
    double y = paper_head(p, &d->conf->company, "Invoice");
    y = write_who(d, p, y);
    y = write_summary(d, p, y);
    y = write_charges(d, p, y);
    int err = write_usage(d, p, &y);
    if (err == ERR_OK) {
        y = write_bookings(d, p, y);
        err = write_numbers(d, p, &y);
    }
    if (err == ERR_OK)
        err = write_calls(d, p, y);
    snprintf(foot, sizeof(foot), "Account %s  \xc2\xb7  %s", d->account, name);
    paper_foot(p, &d->conf->company, foot);
    return err;
}

int invoice_draw(struct invoice_data *d, char **ret, size_t *ret_n, size_t *ret_pages)
{
    struct pdf *p;
    char title[96];
    snprintf(title, sizeof(title), "Invoice %s %s", d->account, d->month);
    int err = pdf_open(&p, title, d->conf->company.name, d->to_ms);
    if (err != ERR_OK)
        return err;
    err = draw(d, p);
    if (err == ERR_OK)
        err = pdf_save(p, ret, ret_n);
    *ret_pages = pdf_pages(p);
    pdf_close(p);
    return err;
}
