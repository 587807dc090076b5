/* What is archived, as lines of CSV (RFC 4180) that are safe to open in a spreadsheet. */
#ifndef TRUNKLINE_ARCHIVE_CSV_H
#define TRUNKLINE_ARCHIVE_CSV_H

#include <stdio.h>

#include "reply.h"

enum { ARCHIVE_NAME = 64 };

struct archive_column;

/* A kind of entries: where they go, and what of them. */
struct archive_kind {
    const char *folder;
    const struct archive_column *columns; /* ends with a NULL name */
    /* Name of the file that a row belongs in. */
    void (*name)(const struct table *t, size_t row, char ret[ARCHIVE_NAME]);
};

extern const struct archive_kind archive_cdrs; /* rows of cdr_read; a file a day, way and outcome */
extern const struct archive_kind archive_audit; /* rows of audit_read; a file a month */

/* Header line, with its line end. */
void archive_csv_header(FILE *out, const struct archive_kind *kind);

/* Writes a row. Times are UTC; money is in dollars, four decimals. */
void archive_csv_row(FILE *out, const struct archive_kind *kind, const char *account,
                     const struct table *t, size_t row);

#endif
