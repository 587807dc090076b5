/* A table over as many pages as it takes: the heading is repeated, each page ends with its total
 * and begins with what the pages before came to. */
#ifndef TRUNKLINE_PAPER_TABLE_H
#define TRUNKLINE_PAPER_TABLE_H

#include <stdbool.h>

#include "money.h"
#include "paper.h"

enum { PAPER_COLUMNS = 8, PAPER_AMOUNT = 40 };

struct paper_column {
    const char *title;
    double width;
    bool right;
};

struct paper_table {
    struct pdf *pdf;
    const char *title;
    const struct paper_column *columns;
    size_t n;
    double y;  /* base line of the next row */
    bool sums; /* the last column is an amount that is totalled */
    int decimals;
    size_t rows, page_rows;
    money_t total, page_total;
};

#define PAPER_MINUS "\xe2\x80\x93" /* a dash as wide as a digit */

/* Money as "1,234.50"; decimals: 2 (rounded) or 4. Returns buf. */
const char *paper_amount(money_t amount, int decimals, char buf[PAPER_AMOUNT]);

/* Starts below base line y, or on a new page when little room is left. columns end with a NULL
 * title. */
void paper_table_open(struct paper_table *t, struct pdf *p, double y, const char *title,
                      const struct paper_column *columns, bool sums, int decimals);
/* cells: one a column; the amount's own cell is made here when the table sums. */
void paper_table_row(struct paper_table *t, const char *const cells[], money_t amount);
/* Draws the total when the table sums. Returns the base line for what follows. */
double paper_table_close(struct paper_table *t);

#endif
