#include "paper.h"

#include <stdio.h>

#include "span.h"

enum { BAR = 10, NAME_WIDTH = 104, ROW = 15 };

/* Lines of the address, then how to reach us; right-aligned. Returns the base line after. */
static double write_company(struct pdf *p, const paper_company *company, double y)
{
    char line[CONF_TEXT];
    const char *const contacts[] = {company->phone, company->email, company->website};
    struct span rest = span_of(company->address), part;
    pdf_font(p, PDF_REGULAR, 8.5);
    pdf_color(p, PAPER_MUTED);
    while (span_cut(&rest, '|', &part)) {
        if (span_copy(part, line, sizeof(line)))
            pdf_text_right(p, PAPER_RIGHT, y, line);
        y += 11.5;
    }
    for (size_t i = 0; i < sizeof(contacts) / sizeof(*contacts); i++) {
        if (!*contacts[i])
            continue;
        pdf_text_right(p, PAPER_RIGHT, y, contacts[i]);
        y += 11.5;
    }
    return y;
}

double paper_head(struct pdf *p, const paper_company *company, const char *title)
{
    double y = 62;
    pdf_page(p);
    pdf_color(p, PAPER_ACCENT);
    pdf_box(p, 0, 0, PDF_WIDTH, BAR);
    pdf_font(p, PDF_BOLD, 26);
    pdf_text(p, PAPER_LEFT, y, title);
    pdf_font(p, PDF_BOLD, 13);
    pdf_color(p, PAPER_INK);
    pdf_text_right(p, PAPER_RIGHT, y - 8, company->name);
    double end = write_company(p, company, y + 7);
    return (end > 96 ? end : 96) + 14;
}

void paper_foot(struct pdf *p, const paper_company *company, const char *left)
{
    char number[48], who[2 * CONF_TEXT];
    snprintf(who, sizeof(who), "%s%s%s", company->name, *left ? "  \xc2\xb7  " : "", left);
    for (size_t i = 0; i < pdf_pages(p); i++) {
        pdf_select(p, i);
        pdf_color(p, PAPER_LINE);
        pdf_rule(p, PAPER_LEFT, PDF_HEIGHT - 46, PAPER_TEXT, 0.6);
        pdf_font(p, PDF_REGULAR, 8);
        pdf_color(p, PAPER_MUTED);
        pdf_text(p, PAPER_LEFT, PDF_HEIGHT - 32, who);
        snprintf(number, sizeof(number), "Page %zu of %zu", i + 1, pdf_pages(p));
        pdf_text_right(p, PAPER_RIGHT, PDF_HEIGHT - 32, number);
    }
}

double paper_section(struct pdf *p, double y, const char *title)
{
    pdf_font(p, PDF_BOLD, 11);
    pdf_color(p, PAPER_ACCENT);
    pdf_text(p, PAPER_LEFT, y, title);
    pdf_rule(p, PAPER_LEFT, y + 6, PAPER_TEXT, 0.8);
    pdf_color(p, PAPER_INK);
    return y + 22;
}

double paper_pair(struct pdf *p, double x, double y, double width, const char *name,
                  const char *value)
{
    pdf_font(p, PDF_REGULAR, 9);
    pdf_color(p, PAPER_MUTED);
    pdf_text(p, x, y, name);
    pdf_color(p, PAPER_INK);
    pdf_text_cut(p, x + NAME_WIDTH, y, width - NAME_WIDTH, value);
    return y + ROW;
}
