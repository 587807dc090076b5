#include "report.h"

#include <stdio.h>
#include <stdlib.h>

#include "core.h"
#include "keys.h"

enum {
    LOOK_MS = 250,
    BEAT_MS = 10 * 1000, /* a third of what the key lives */
    CALLS_MS = 2000,     /* while the number of calls changes */
    TARGETS_TOLD = 500,
    COUNT_TEXT = 24,
};

struct report {
    const struct core *core;
    struct timer timer;
    uint64_t told_ms; /* latest report; 0: none that Redis took */
    size_t changes;   /* of health, that it told of */
    size_t calls;     /* the same */
};

static void on_told(void *arg, const struct redisReply *reply, int err)
{
    struct report *r = arg;
    (void)reply;
    if (err != ERR_OK)
        r->told_ms = 0; /* the next look repeats it */
}

static void print_target(void *arg, const char *place, const char *protocol, bool down,
                         const char *why)
{
    (void)fprintf(arg, "%s %s %s%s%s\n", protocol, place, down ? "down" : "up", *why ? " " : "",
                  why);
}

static void number(size_t n, char text[COUNT_TEXT])
{
    snprintf(text, COUNT_TEXT, "%zu", n);
}

static void send_report(struct report *r)
{
    const struct core *c = r->core;
    char *targets = NULL, calls[COUNT_TEXT], watched[COUNT_TEXT], down[COUNT_TEXT];
    size_t size;
    FILE *out = open_memstream(&targets, &size);
    if (!out)
        return;
    health_list(c->health, TARGETS_TOLD, print_target, out);
    if (fclose(out) != 0) {
        free(targets);
        return;
    }
    number(dialogs_count(c->dialogs), calls);
    number(health_count(c->health), watched);
    number(health_down(c->health), down);
    const char *args[] = {calls, watched, down, targets};
    size_t changes = health_changes(c->health);
    if (store_report(c->store, on_told, r, "node_health",
                     key_node_health(store_node(c->store)).text, 4, args) == ERR_OK) {
        r->told_ms = timer_now(c->wheel);
        r->changes = changes;
        r->calls = dialogs_count(c->dialogs);
    }
    free(targets);
}

static void on_timer(struct timer *timer)
{
    struct report *r = timer_owner(timer, struct report, timer);
    const struct core *c = r->core;
    uint64_t now = timer_now(c->wheel);
    bool due =
        r->told_ms == 0 || now - r->told_ms >= BEAT_MS || health_changes(c->health) != r->changes;
    if (due && store_is_up(c->store))
        send_report(r);
    timer_set(c->wheel, &r->timer, LOOK_MS, on_timer);
}

int report_new(struct report **ret, const struct core *core)
{
    struct report *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->core = core;
    timer_set(core->wheel, &r->timer, LOOK_MS, on_timer);
    *ret = r;
    return ERR_OK;
}

void report_free(struct report *r)
{
    if (!r)
        return;
    timer_stop(r->core->wheel, &r->timer);
    free(r);
}
