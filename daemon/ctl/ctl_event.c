#include "ctl_event.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "money.h"

struct event {
    json_t *fields;
};

/* Makes all texts printable, in place: jansson's own, of which we are the only holder. */
static void tame(json_t *fields)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(fields, next, name, value)
    {
        if (!json_is_string(value))
            continue;
        char *text = ctl_copy(span_of(json_string_value(value)));
        for (char *p = text; *p; p++) {
            if (*p < ' ' || *p > '~')
                *p = '?';
        }
        (void)json_string_set(value, text);
        free(text);
    }
}

struct event *ctl_event_read(struct span message)
{
    json_t *fields = json_loadb(message.p, message.n, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(fields)) {
        json_decref(fields);
        return NULL;
    }
    tame(fields);
    struct event *e = ctl_alloc(sizeof *e);
    e->fields = fields;
    return e;
}

void ctl_event_free(struct event *e)
{
    if (!e)
        return;
    json_decref(e->fields);
    free(e);
}

const char *ctl_event_text(const struct event *e, const char *field)
{
    const char *text = json_string_value(json_object_get(e->fields, field));
    return text ? text : "";
}

int64_t ctl_event_int(const struct event *e, const char *field)
{
    return json_integer_value(json_object_get(e->fields, field));
}

bool ctl_event_is(const struct event *e, const char *word)
{
    return strcmp(ctl_event_text(e, "event"), word) == 0;
}

const char *ctl_event_time(int64_t ms, char buf[EVENT_TIME])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    if (ms < 0 || !gmtime_r(&s, &tm)) { /* a clock that nobody has */
        snprintf(buf, EVENT_TIME, "--:--:--.---");
        return buf;
    }
    size_t n = strftime(buf, EVENT_TIME, "%H:%M:%S", &tm);
    snprintf(buf + n, EVENT_TIME - n, ".%03u", (unsigned)(ms % 1000) % 1000);
    return buf;
}

/* ---- lines ---- */

static char *start_line(const struct event *e)
{
    return ctl_format("from %s", ctl_event_text(e, "from"));
}

static char *answer_line(const struct event *e)
{
    return ctl_format("by %s after %.3f s", ctl_event_text(e, "target"),
                      (double)ctl_event_int(e, "pdd_ms") / 1000);
}

static char *end_line(const struct event *e)
{
    char money[MONEY_TEXT];
    return ctl_format(
        "%lld %s by %s, %.1f s, billed %lld s, $%s", (long long)ctl_event_int(e, "code"),
        ctl_event_text(e, "reason"), ctl_event_text(e, "by"), (double)ctl_event_int(e, "ms") / 1000,
        (long long)ctl_event_int(e, "billed"), money_rate_text(ctl_event_int(e, "amount"), money));
}

static char *refusal_line(const struct event *e)
{
    return ctl_format("%lld %s, from %s", (long long)ctl_event_int(e, "code"),
                      ctl_event_text(e, "reason"), ctl_event_text(e, "from"));
}

static char *trunk_line(const struct event *e)
{
    return ctl_format("%s", ctl_event_text(e, "what"));
}

static const struct {
    const char *word;
    char *(*line)(const struct event *e);
} kinds[] = {
    {"start",    start_line  },
    {"answer",   answer_line },
    {"end",      end_line    },
    {"refusal",  refusal_line},
    {"defined",  trunk_line  },
    {"changed",  trunk_line  },
    {"disabled", trunk_line  },
};

static char *health_text(const struct event *e, const char *at)
{
    return ctl_format("%s %-8s %s is %s at %s%s%s", at, "health", ctl_event_text(e, "target"),
                      ctl_event_text(e, "state"), ctl_event_text(e, "node"),
                      *ctl_event_text(e, "why") ? ": " : "", ctl_event_text(e, "why"));
}

char *ctl_event_line(const struct event *e)
{
    char at[EVENT_TIME];
    const char *word = ctl_event_text(e, "event"), *way = ctl_event_text(e, "direction");
    ctl_event_time(ctl_event_int(e, "at"), at);
    if (ctl_event_is(e, "health"))
        return health_text(e, at);
    char *rest = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !rest; i++) {
        if (strcmp(kinds[i].word, word) == 0)
            rest = kinds[i].line(e);
    }
    char *line =
        ctl_format("%s %-8s %-8s %-6s %-3s %-15s %s", at, word, ctl_event_text(e, "account"),
                   ctl_event_text(e, "tg"), *way ? way : ctl_event_text(e, "kind"),
                   ctl_event_text(e, "number"), rest ? rest : "");
    free(rest);
    return line;
}
