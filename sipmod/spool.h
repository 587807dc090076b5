/* A file of lines that must survive this process: appended and synced off the loop, emptied when
 * nobody needs it any more. One process at a time has it. */
#ifndef TRUNKLINE_SPOOL_H
#define TRUNKLINE_SPOOL_H

#include <uv.h>

#include "conf.h"
#include "err.h"
#include "span.h"

enum { SPOOL_ERROR = 512 };

struct spool;

/* Opens or makes DIR/NAME.spool, which may hold `most` bytes. On failure writes one line to error:
 * it can't be had, or another process has it. */
MUST_CHECK int spool_open(struct spool **ret, uv_loop_t *loop, const char *dir, const char *name,
                          int64_t most, char error[SPOOL_ERROR]);

/* Opens the spool that the settings name. NULL, with a warning in the log: they name none, or the
 * folder is the preset one and can't be used. */
MUST_CHECK int spool_choose(struct spool **ret, uv_loop_t *loop, const struct conf *conf,
                            const char *name, char error[SPOOL_ERROR]);

/* Ends it, after the write that is under way; accepts NULL. Its callback isn't called any more. */
void spool_close(struct spool *s);

/* Calls fn for each whole line, oldest first, without its LF; cuts off a torn one at the end. */
typedef void spool_line_fn(void *arg, struct span line);
MUST_CHECK int spool_read(struct spool *s, spool_line_fn *fn, void *arg);

/* Called on the loop. ERR_SYSTEM: nothing was written, errno is in `reason`. */
typedef void spool_done_fn(void *arg, int err, const char *reason);

/* Appends whole lines and syncs them; takes bytes (malloc'ed). Only while it isn't busy. */
void spool_append(struct spool *s, char *bytes, size_t n, spool_done_fn *fn, void *arg);
/* Empties the file. Only while it isn't busy. */
void spool_clear(struct spool *s, spool_done_fn *fn, void *arg);
bool spool_is_busy(const struct spool *s);

/* For the end of the process: waits for what is under way and returns its result (ERR_OK: nothing
 * was); appends and syncs at once. */
int spool_wait(struct spool *s);
MUST_CHECK int spool_append_now(struct spool *s, struct span bytes);

int64_t spool_size(const struct spool *s);
const char *spool_path(const struct spool *s);

#endif
