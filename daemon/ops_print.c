#include "ops_print.h"

#include <stdlib.h>

#define RETRY "retry: 1000\n\n"

enum { ASR_SECONDS = 60, MONEY_SHOWN = 100 };

static const char *const part_names[OPS_PARTS] = {
    [OPS_REDIS] = "redis",   [OPS_NODES] = "nodes",       [OPS_GATEWAYS] = "gateways",
    [OPS_JOBS] = "jobs",     [OPS_WEBHOOKS] = "webhooks", [OPS_CAUSES] = "causes",
    [OPS_LATEST] = "latest",
};

/* One event of a stream: its name, then JSON on one line. Takes the value. */
static bool print_event(FILE *out, const char *name, json_t *value)
{
    fprintf(out, "event: %s\ndata: ", name);
    bool fine = value && json_dumpf(value, out, JSON_COMPACT) == 0;
    fputs("\n\n", out);
    json_decref(value);
    return fine;
}

/* With one decimal place: no more is known. */
static json_t *tenths(double value)
{
    return json_real((double)(int64_t)(value * 10 + 0.5) / 10);
}

static json_t *share(int64_t part, int64_t whole)
{
    return whole > 0 ? json_integer(part * 1000 / whole) : json_null();
}

static json_t *limit(int64_t n)
{
    return n == OPS_NO_LIMIT ? json_null() : json_integer(n);
}

/* Answered of a thousand ended calls, over the seconds up to the point n before the latest. */
static json_t *asr_at(const struct ops_board *b, size_t n)
{
    const struct ops_point *to = ops_board_before(b, n), *from = NULL;
    for (size_t back = ASR_SECONDS; back > 0 && !from; back--) {
        from = ops_board_before(b, n + back);
        if (from && !from->known)
            from = NULL;
    }
    if (!to || !to->known || !from)
        return json_null();
    return share(to->completed - from->completed, to->processed - from->processed);
}

/* Answered of a thousand in each step, oldest first; null: no call ended. */
static json_t *asr_steps(const struct ops_board *b, const struct ops_trunk *t)
{
    json_t *list = json_array();
    for (int64_t i = 1; i <= OPS_STEPS; i++) {
        size_t at = (size_t)((b->step + i) % OPS_STEPS);
        json_array_append_new(list, share(t->steps[at].answered, t->steps[at].ended));
    }
    return list;
}

/* What is no UTF-8 isn't shown. */
static json_t *text(const char *s)
{
    json_t *value = json_string(s);
    return value ? value : json_string("");
}

static json_t *trunk(const struct ops_board *b, const struct ops_trunk *t)
{
    int64_t ended = 0, answered = 0;
    for (size_t i = 0; i < OPS_STEPS; i++) {
        ended += t->steps[i].ended;
        answered += t->steps[i].answered;
    }
    return json_pack("{s:s s:s s:s s:o s:I s:o s:o s:o s:o s:I s:o s:o s:o}", "account", t->account,
                     "tg", t->id, "direction", t->direction, "title", text(t->title), "busy",
                     (json_int_t)t->busy, "sessions", limit(t->sessions), "rate", tenths(t->rate),
                     "cps", limit(t->cps), "asr", share(answered, ended), "today",
                     (json_int_t)t->today, "asr_today", share(t->today_answered, t->today), "acd",
                     t->today_answered ? json_integer(t->today_ms / t->today_answered)
                                       : json_null(),
                     "steps", asr_steps(b, t));
}

static json_t *trunks(const struct ops_board *b, size_t most)
{
    const struct ops_trunk **top = calloc(most, sizeof(*top));
    json_t *list = json_array();
    size_t n = top ? ops_board_top(b, top, most) : 0;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, trunk(b, top[i]));
    free((void *)top);
    return list;
}

static json_t *totals(const struct ops_board *b)
{
    const struct ops_point *p = ops_board_before(b, 0);
    int64_t gap = 0, held = 0, trunk_n = 0;
    for (size_t i = 0; i < b->account_n; i++) {
        const struct ops_account *a = b->accounts[i];
        gap += a->admitted + a->refused - a->cdrs - a->live;
        held += a->held;
        trunk_n += (int64_t)a->trunk_n;
    }
    return json_pack("{s:I s:I s:I s:o s:o s:o s:o s:I s:I}", "accounts", (json_int_t)b->account_n,
                     "trunks", (json_int_t)trunk_n, "live", (json_int_t)(p ? p->live : 0), "rate",
                     tenths(p ? p->rate : 0), "answered", tenths(p ? p->answered : 0), "refused",
                     tenths(p ? p->refused : 0), "asr", asr_at(b, 0), "gap", (json_int_t)gap,
                     "held", (json_int_t)(held / MONEY_SHOWN));
}

static json_t *state(const struct ops_board *b, size_t most)
{
    const struct ops_point *p = ops_board_before(b, 0);
    json_t *all = json_pack("{s:I s:b s:s s:I s:o s:o}", "at", (json_int_t)(p ? p->at_ms : 0), "up",
                            b->up, "trouble", b->trouble ? b->trouble : "", "trip_us",
                            (json_int_t)b->trip_us, "totals", totals(b), "trunks", trunks(b, most));
    for (size_t i = 0; all && i < OPS_PARTS; i++)
        json_object_set_new(all, part_names[i],
                            b->parts[i] ? json_incref(b->parts[i]) : json_null());
    return all;
}

/* A series of the points, oldest first. */
struct series {
    const char *name;
    json_t *(*value)(const struct ops_board *b, size_t n, const struct ops_point *p);
};

static json_t *at_of(const struct ops_board *b, size_t n, const struct ops_point *p)
{
    (void)b, (void)n;
    return json_integer(p->at_ms);
}

static json_t *live_of(const struct ops_board *b, size_t n, const struct ops_point *p)
{
    (void)b, (void)n;
    return p->known ? json_integer(p->live) : json_null();
}

static json_t *rate_of(const struct ops_board *b, size_t n, const struct ops_point *p)
{
    (void)b, (void)n;
    return p->known ? tenths(p->rate) : json_null();
}

static json_t *answered_of(const struct ops_board *b, size_t n, const struct ops_point *p)
{
    (void)b, (void)n;
    return p->known ? tenths(p->answered) : json_null();
}

static json_t *refused_of(const struct ops_board *b, size_t n, const struct ops_point *p)
{
    (void)b, (void)n;
    return p->known ? tenths(p->refused) : json_null();
}

static json_t *asr_of(const struct ops_board *b, size_t n, const struct ops_point *p)
{
    (void)p;
    return asr_at(b, n);
}

static const struct series series[] = {
    {"at",       at_of      },
    {"live",     live_of    },
    {"rate",     rate_of    },
    {"answered", answered_of},
    {"refused",  refused_of },
    {"asr",      asr_of     },
};

static json_t *history(const struct ops_board *b)
{
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof(series) / sizeof(*series); i++) {
        json_t *list = json_array();
        for (size_t n = b->point_n; n > 0; n--)
            json_array_append_new(list, series[i].value(b, n - 1, ops_board_before(b, n - 1)));
        json_object_set_new(all, series[i].name, list);
    }
    return all;
}

static struct http_frame *print(const struct ops_board *b, size_t trunks_most, bool greet)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    bool fine = out != NULL;
    if (fine && greet) {
        fputs(RETRY, out);
        fine = print_event(out, "history", history(b));
    }
    fine = fine && print_event(out, "state", state(b, trunks_most));
    if (out)
        fine = fclose(out) == 0 && fine;
    if (fine)
        return http_frame_new(text, n);
    free(text);
    return NULL;
}

struct http_frame *ops_print_state(const struct ops_board *b, size_t trunks_most)
{
    return print(b, trunks_most, false);
}

struct http_frame *ops_print_greeting(const struct ops_board *b, size_t trunks_most)
{
    return print(b, trunks_most, true);
}
