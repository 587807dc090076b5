/* Timers of transactions and calls: a hashed wheel on one libuv timer, so that a hundred thousand
 * of them cost nothing while they wait. Resolution 10 ms; a timer never fires early. */
#ifndef TRUNKLINE_TIMER_H
#define TRUNKLINE_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "err.h"

struct timer;
typedef void timer_fn(struct timer *t);

/* Embedded in its owner; zeroed means idle. */
struct timer {
    struct timer *next, **link; /* link NULL: idle */
    uint64_t due_ms;
    timer_fn *fire;
};

struct timer_wheel;

MUST_CHECK int timer_wheel_new(struct timer_wheel **ret, uv_loop_t *loop);
void timer_wheel_free(struct timer_wheel *w); /* timers still set are forgotten; accepts NULL */

/* Sets or moves the timer; `fire` is called once, with the timer idle again. */
void timer_set(struct timer_wheel *w, struct timer *t, uint64_t after_ms, timer_fn *fire);
void timer_stop(struct timer_wheel *w, struct timer *t); /* idle ones too */
bool timer_is_set(const struct timer *t);

/* Milliseconds of the loop's clock. */
uint64_t timer_now(const struct timer_wheel *w);

/* The structure that embeds this timer. */
#define timer_owner(t, type, member) ((type *)(void *)((char *)(t)-offsetof(type, member)))

#endif
