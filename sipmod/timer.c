#include "timer.h"

#include <stdlib.h>

enum { WHEEL_SLOTS = 4096, WHEEL_TICK_MS = 10 };

struct timer_wheel {
    uv_loop_t *loop;
    uv_timer_t tick;
    uint64_t turned; /* ticks done so far */
    size_t n_set;
    struct timer *slots[WHEEL_SLOTS];
};

static uint64_t ticks_now(const struct timer_wheel *w)
{
    return uv_now(w->loop) / WHEEL_TICK_MS;
}

static void unlink_timer(struct timer_wheel *w, struct timer *t)
{
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    t->next = NULL;
    t->link = NULL;
    w->n_set--;
}

static void link_timer(struct timer **slot, struct timer *t)
{
    t->next = *slot;
    if (t->next)
        t->next->link = &t->next;
    t->link = slot;
    *slot = t;
}

/* Fires what is due in one slot. A timer that fires may set or stop any other, so due ones are
 * first moved to a list of their own, from which timer_stop can still take them. */
static void turn_slot(struct timer_wheel *w, uint64_t tick)
{
    struct timer **slot = &w->slots[tick % WHEEL_SLOTS];
    struct timer *due = NULL;
    for (struct timer *t = *slot, *next; t; t = next) {
        next = t->next;
        if (t->due_ms / WHEEL_TICK_MS > tick)
            continue;
        *t->link = t->next;
        if (t->next)
            t->next->link = t->link;
        link_timer(&due, t);
    }
    while (due) {
        struct timer *t = due;
        unlink_timer(w, t);
        t->fire(t);
    }
}

static void on_tick(uv_timer_t *handle)
{
    struct timer_wheel *w = handle->data;
    uint64_t now = ticks_now(w);
    if (now - w->turned > WHEEL_SLOTS) /* every slot once is enough after a long pause */
        w->turned = now - WHEEL_SLOTS;
    while (w->turned < now)
        turn_slot(w, ++w->turned);
    if (w->n_set == 0)
        uv_timer_stop(&w->tick);
}

int timer_wheel_new(struct timer_wheel **ret, uv_loop_t *loop)
{
    struct timer_wheel *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    w->loop = loop;
    uv_timer_init(loop, &w->tick);
    w->tick.data = w;
    *ret = w;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void timer_wheel_free(struct timer_wheel *w)
{
    if (w)
        uv_close((uv_handle_t *)&w->tick, on_closed);
}

void timer_set(struct timer_wheel *w, struct timer *t, uint64_t after_ms, timer_fn *fire)
{
    if (t->link)
        unlink_timer(w, t);
    if (w->n_set == 0 && !uv_is_active((uv_handle_t *)&w->tick)) {
        w->turned = ticks_now(w);
        uv_timer_start(&w->tick, on_tick, WHEEL_TICK_MS, WHEEL_TICK_MS);
    }
    t->fire = fire;
    /* One tick later than asked, rounded down: never early. */
    t->due_ms = uv_now(w->loop) + after_ms + WHEEL_TICK_MS;
    link_timer(&w->slots[(t->due_ms / WHEEL_TICK_MS) % WHEEL_SLOTS], t);
    w->n_set++;
}

void timer_stop(struct timer_wheel *w, struct timer *t)
{
    if (t->link)
        unlink_timer(w, t);
}

bool timer_is_set(const struct timer *t)
{
    return t->link != NULL;
}

uint64_t timer_now(const struct timer_wheel *w)
{
    return uv_now(w->loop);
}
