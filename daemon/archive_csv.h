/* A CDR as a line of CSV (RFC 4180), safe to open in a spreadsheet. */
#ifndef TRUNKLINE_ARCHIVE_CSV_H
#define TRUNKLINE_ARCHIVE_CSV_H

#include <stdio.h>

#include "reply.h"

/* Header line, with its line end. */
void archive_csv_header(FILE *out);

/* Writes a row of cdr_read. Times are UTC; money is in dollars, four decimals. */
void archive_csv_row(FILE *out, const char *account, const struct table *t, size_t row);

#endif
