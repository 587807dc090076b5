#include "paper_table.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROW = 14, HEAD = 18, PAD = 5, ROOM = 90, STRIPE = 0xf7f9fb };

const char *paper_amount(money_t amount, int decimals, char buf[PAPER_AMOUNT])
{
    char digits[32];
    uint64_t units = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    uint64_t part = decimals == 4 ? units : (units + MONEY_CENT / 2) / MONEY_CENT;
    uint64_t scale = decimals == 4 ? MONEY_DOLLAR : MONEY_DOLLAR / MONEY_CENT;
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, part / scale), at = 0;
    if (amount < 0 && part > 0)
        at = snprintf(buf, PAPER_AMOUNT, "%s", PAPER_MINUS);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            buf[at++] = ',';
        buf[at++] = digits[i];
    }
    snprintf(buf + at, PAPER_AMOUNT - (size_t)at, ".%0*" PRIu64, decimals, part % scale);
    return buf;
}

static void write_head(struct paper_table *t)
{
    double x = PAPER_LEFT;
    pdf_color(t->pdf, PAPER_TINT);
    pdf_box(t->pdf, PAPER_LEFT, t->y - 11, PAPER_TEXT, HEAD - 2);
    pdf_font(t->pdf, PDF_BOLD, 8);
    pdf_color(t->pdf, PAPER_MUTED);
    for (size_t i = 0; i < t->n; i++) {
        if (t->columns[i].right)
            pdf_text_right(t->pdf, x + t->columns[i].width - PAD, t->y, t->columns[i].title);
        else
            pdf_text(t->pdf, x + PAD, t->y, t->columns[i].title);
        x += t->columns[i].width;
    }
    t->y += HEAD;
}

static void write_sum(struct paper_table *t, const char *label, money_t amount, bool strong)
{
    char text[PAPER_AMOUNT];
    pdf_color(t->pdf, PAPER_LINE);
    pdf_rule(t->pdf, PAPER_LEFT, t->y - 10, PAPER_TEXT, 0.6);
    pdf_font(t->pdf, strong ? PDF_BOLD : PDF_REGULAR, 8.5);
    pdf_color(t->pdf, strong ? PAPER_INK : PAPER_MUTED);
    pdf_text(t->pdf, PAPER_LEFT + PAD, t->y + 2, label);
    pdf_text_right(t->pdf, PAPER_RIGHT - PAD, t->y + 2, paper_amount(amount, t->decimals, text));
    t->y += ROW + 3;
}

void paper_table_open(struct paper_table *t, struct pdf *p, double y, const char *title,
                      const struct paper_column *columns, bool sums, int decimals)
{
    *t = (struct paper_table){
        .pdf = p, .title = title, .columns = columns, .y = y, .sums = sums, .decimals = decimals};
    while (columns[t->n].title)
        t->n++;
    if (y + ROOM > PAPER_BOTTOM) {
        pdf_page(p);
        t->y = PAPER_TOP;
    }
    t->y = paper_section(p, t->y, title);
    write_head(t);
}

static void next_page(struct paper_table *t)
{
    char title[96];
    if (t->sums)
        write_sum(t, "Page total", t->page_total, false);
    pdf_page(t->pdf);
    snprintf(title, sizeof(title), "%s, continued", t->title);
    t->y = paper_section(t->pdf, PAPER_TOP, title);
    write_head(t);
    if (t->sums) {
        pdf_font(t->pdf, PDF_REGULAR, 8.5);
        t->y += 2;
        write_sum(t, "Carried forward", t->total, false);
    }
    t->page_total = 0;
    t->page_rows = 0;
}

void paper_table_row(struct paper_table *t, const char *const cells[], money_t amount)
{
    char text[PAPER_AMOUNT];
    double x = PAPER_LEFT;
    if (t->y + (t->sums ? 2 * ROW : 0) > PAPER_BOTTOM)
        next_page(t);
    if (t->page_rows % 2 == 1) {
        pdf_color(t->pdf, STRIPE);
        pdf_box(t->pdf, PAPER_LEFT, t->y - 10, PAPER_TEXT, ROW);
    }
    pdf_font(t->pdf, PDF_REGULAR, 8.5);
    pdf_color(t->pdf, PAPER_INK);
    for (size_t i = 0; i < t->n; i++) {
        const char *cell =
            t->sums && i + 1 == t->n ? paper_amount(amount, t->decimals, text) : cells[i];
        if (t->columns[i].right)
            pdf_text_right(t->pdf, x + t->columns[i].width - PAD, t->y, cell);
        else
            pdf_text_cut(t->pdf, x + PAD, t->y, t->columns[i].width - 2 * PAD, cell);
        x += t->columns[i].width;
    }
    t->y += ROW;
    t->rows++;
    t->page_rows++;
    t->total += amount;
    t->page_total += amount;
}

double paper_table_close(struct paper_table *t)
{
    if (t->sums && t->rows > t->page_rows)
        write_sum(t, "Page total", t->page_total, false);
    if (t->sums)
        write_sum(t, "Total", t->total, true);
    return t->y + 16;
}
