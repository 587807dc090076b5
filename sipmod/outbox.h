/* What must reach Redis whatever happens: answers and ends of calls. Each is kept until Redis has
 * confirmed it; times travel as "so long ago", counted anew at each try. In order. */
#ifndef TRUNKLINE_OUTBOX_H
#define TRUNKLINE_OUTBOX_H

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

MUST_CHECK int outbox_new(struct outbox **ret, struct store *store, struct timer_wheel *wheel);
void outbox_free(struct outbox *o); /* accepts NULL */

/* `target`, `attempts`, `upstream` and `pdd_ms` of the event count. */
void outbox_answer(struct outbox *o, const char *account, const char *call,
                   const struct outbox_event *event);
void outbox_finish(struct outbox *o, const char *account, const char *call,
                   const struct outbox_event *event);

/* The link is back: sends what waits. */
void outbox_resume(struct outbox *o);

/* Entries that Redis hasn't confirmed. */
size_t outbox_depth(const struct outbox *o);

#endif
