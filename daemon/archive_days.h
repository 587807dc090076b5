/* Which files the archive of an account holds (archive.h), by day. */
#ifndef TRUNKLINE_ARCHIVE_DAYS_H
#define TRUNKLINE_ARCHIVE_DAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "scratch.h"

enum { ARCHIVE_DAY = 11 }; /* "YYYY-MM-DD" and NUL */

struct archive_day {
    char day[ARCHIVE_DAY];
    bool success, failed; /* whether there is such a file */
};

/* Days with a file of a direction ("in", "out"), newest first, `from` and `to` ("YYYY-MM-DD")
 * among them; in scratch. No archive: none. ERR_SYSTEM: errno tells. */
MUST_CHECK int archive_days(struct scratch *mem, const char *dir, const char *account,
                            const char *direction, const char *from, const char *to,
                            struct archive_day **ret, size_t *ret_n);

/* Path of a file below the folder of files. NULL: no memory. */
char *archive_file(struct scratch *mem, const char *account, const char *direction,
                   const struct archive_day *day, bool success);

#endif
