/* A stream's entries as CSV files, each entry exactly once. CDRs of one account:
 *
 *   DIR/cdr/ACCT/YYYY-MM-DD-DIRECTION-OUTCOME.csv   day (UTC) of the call's end, `in` or `out`,
 *                                                   `success` (answered) or `failed`
 *   DIR/cdr/ACCT/position                           id of the last entry that the files hold
 *
 * and its audit log, or `all` of no one account:
 *
 *   DIR/audit/ACCT/YYYY-MM.csv                      month (UTC) of the write
 *   DIR/audit/ACCT/position
 *
 * A batch is announced in `position` with the sizes that the files have before it, then appended
 * and synced, then settled in `position`. Whoever opens the archive after a crash in between cuts
 * the files back, and the batch is read from the stream again. */
#ifndef TRUNKLINE_ARCHIVE_H
#define TRUNKLINE_ARCHIVE_H

#include "archive_csv.h"

struct archive;

/* Keeps other processes off the archives of a kind. ERR_EXISTS: another has it. */
MUST_CHECK int archive_lock(const char *dir, const struct archive_kind *kind, int *ret_fd);
void archive_unlock(int fd);

/* ERR_SYSTEM: errno tells. ERR_INVALID: `position` is missing or damaged, or no name of an account;
 * somebody has to look. */
MUST_CHECK int archive_open(struct archive **ret, const char *dir, const struct archive_kind *kind,
                            const char *account);
void archive_close(struct archive *a); /* accepts NULL; what isn't committed is dropped */

/* Id of the last entry that the files hold; "" if none. */
const char *archive_last(const struct archive *a);

/* Adds a row to the batch. */
MUST_CHECK int archive_add(struct archive *a, const struct table *t, size_t row);

/* Writes the batch; all of it or nothing. ERR_SYSTEM: errno tells, no space for one. */
MUST_CHECK int archive_commit(struct archive *a);

#endif
