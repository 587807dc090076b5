/* CSV as a stream (RFC 4180), a line at a time in constant memory. A quoted field may hold commas
 * and doubled quotes; a line break inside quotes is refused with its line. */
#ifndef TRUNKLINE_CTL_CSV_H
#define TRUNKLINE_CTL_CSV_H

#include <stdbool.h>

#include "err.h"
#include "span.h"

enum { CSV_FIELDS = 8, CSV_LINE = 4096 };

enum csv_result {
    CSV_ROW,
    CSV_BAD, /* this line isn't a row: csv_reason tells why; the next may be one */
    CSV_END,
    CSV_FAILED, /* reading failed: errno tells why */
};

struct csv;

/* Opens a file ("-": the standard input) and reads its header, which must name exactly `columns`
 * (NULL at the end), in that order. NULL after a message on stderr. */
MUST_CHECK struct csv *ctl_csv_open(const char *path, const char *const *columns);
void ctl_csv_close(struct csv *c); /* accepts NULL */

/* Next row; empty lines are passed over. Fields are valid until the next call. */
MUST_CHECK enum csv_result ctl_csv_next(struct csv *c, struct span fields[CSV_FIELDS]);

unsigned long ctl_csv_line(const struct csv *c); /* number of the line just read, from 1 */
const char *ctl_csv_reason(const struct csv *c);

/* How much of the file has been read, 0 to 100; -1: what is read is no plain file. */
int ctl_csv_percent(const struct csv *c);

#endif
