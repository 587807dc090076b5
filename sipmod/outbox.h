/* What must reach Redis whatever happens: answers and ends of calls. Each is kept until Redis has
 * confirmed it; times travel as "so long ago", counted anew at each try. In order. What Redis
 * doesn't confirm at once goes to the spool on disk, and from there to Redis when it is back, by
 * this process or the next. Doing so twice is harmless: call_answer and call_finish are idempotent.
 */
#ifndef TRUNKLINE_OUTBOX_H
#define TRUNKLINE_OUTBOX_H

#include "spool.h"
#include "store.h"
#include "timer.h"

struct outbox;

/* What is known of a call at its answer or its end (call_answer, call_finish). Texts are copied. */
struct outbox_event {
    int code;
    const char *reason, *by;
    const char *target;   /* "" if none */
    const char *attempts; /* "" if none */
    const char *upstream; /* "" as admitted */
    int64_t pdd_ms;
};

/* Redis or the disk has the event; or neither can have it now, and memory must do. False: Redis
 * says that the call was closed before it was answered. May be called at once. */
typedef void outbox_done_fn(void *arg, bool live);

/* All that the spool held when it was opened is in Redis. */
typedef void outbox_replayed_fn(void *arg);

/* Takes the spool, which may be NULL: then memory alone keeps events. Reads what it holds. */
MUST_CHECK int outbox_new(struct outbox **ret, struct store *store, struct timer_wheel *wheel,
                          struct spool *spool, outbox_replayed_fn *replayed, void *arg);
/* Writes what waits to the spool, before it ends; accepts NULL. */
void outbox_free(struct outbox *o);

/* `target`, `attempts`, `upstream` and `pdd_ms` of the event count. `done` may be NULL. */
void outbox_answer(struct outbox *o, const char *account, const char *call,
                   const struct outbox_event *event, outbox_done_fn *done, void *arg);
void outbox_finish(struct outbox *o, const char *account, const char *call,
                   const struct outbox_event *event, outbox_done_fn *done, void *arg);
/* No `done` is called with this argument any more. */
void outbox_forget(struct outbox *o, const void *arg);

/* The link is back: sends what waits. */
void outbox_resume(struct outbox *o);
/* Whether something waits that the spool held when it was opened. */
bool outbox_is_replaying(const struct outbox *o);

struct outbox_counts {
    size_t waiting, in_memory; /* events not confirmed; those of them that aren't on disk */
    int64_t spool_bytes;
    uint64_t finished; /* ends that Redis has taken since the start */
};
struct outbox_counts outbox_counts(const struct outbox *o);

/* Events that still need this process. */
size_t outbox_depth(const struct outbox *o);

#endif
