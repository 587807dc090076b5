/* What a verb prints: rows of named columns, as a table for people or as JSON (--json). */
#ifndef TRUNKLINE_CTL_ROWS_H
#define TRUNKLINE_CTL_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "reply.h"

/* How a stored value is shown. In JSON a count is an integer, all else a string; empty is null
 * for counts, times and money. */
enum rows_format {
    ROWS_TEXT,
    ROWS_COUNT,
    ROWS_MONEY,   /* money units as dollars: two decimals, four where they matter */
    ROWS_RATE,    /* money units as dollars: four decimals */
    ROWS_PERCENT, /* 1/10,000 as percent */
    ROWS_TIME,    /* unix milliseconds as UTC; 0: none */
};

enum rows_shape { ROWS_LIST, ROWS_ONE };

struct column {
    const char *name;
    enum rows_format format;
    bool detail;       /* left out of tables with many rows; always in JSON */
    const char *field; /* what replies call it; NULL: as name */
};

struct rows;

/* `columns` ends with a NULL name and is borrowed. */
struct rows *ctl_rows_new(const struct column *columns);
void ctl_rows_free(struct rows *r); /* accepts NULL */

/* Starts a row of empty values. */
void ctl_rows_add(struct rows *r);

/* Sets a value of the last row, by the column's field. One that isn't there is passed over: a reply
 * may have more fields than a verb shows. */
void ctl_rows_set(struct rows *r, const char *field, const char *value);
void ctl_rows_set_int(struct rows *r, const char *field, int64_t value);

/* Sets the last row from pairs field, value… of a reply that start at element `from`. */
void ctl_rows_set_pairs(struct rows *r, const struct redisReply *reply, size_t from);
/* The same, for the pairs from..to-1. */
void ctl_rows_set_some(struct rows *r, const struct redisReply *reply, size_t from, size_t to);

/* Sets the last row from a row of a reply's table. */
void ctl_rows_set_table(struct rows *r, const struct table *t, size_t row);

/* Adds all rows of the table at element `at` of a reply. False when there is none. */
bool ctl_rows_add_tables(struct rows *r, const struct redisReply *reply, size_t at);

const char *ctl_rows_get(const struct rows *r, size_t row, const char *field);
size_t ctl_rows_count(const struct rows *r);

/* Cuts a value to its first n bytes. */
void ctl_rows_cut(struct rows *r, size_t row, const char *field, size_t n);

/* Drops all rows but one. */
void ctl_rows_keep(struct rows *r, size_t row);

/* Prints `part` with the one row of r: in JSON as its member `name`. Takes the part; at most two.
 */
void ctl_rows_attach(struct rows *r, const char *name, struct rows *part);

/* Prints to the standard output and frees. Returns the exit code: a failed write is a failure. */
int ctl_rows_print(struct rows *r, enum rows_shape shape, bool json);

#endif
