#include "ops_news.h"

#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "redis_watch.h"

enum { MINUTE = 60, CAUSES = 64, CAUSES_SHOWN = 12, REASON_TEXT = 32, LATEST = 12 };
enum { FIRST_FAILURE = 300 };

struct cause {
    int code;
    char reason[REASON_TEXT];
    int64_t n;               /* of the minute */
    int32_t seconds[MINUTE]; /* ring */
};

struct ops_news {
    struct redis_watch *watch;
    bool heard; /* everything, since this second began */
    bool told;  /* anything at all */
    struct ops_counts now;
    size_t second; /* place in the rings */
    struct cause causes[CAUSES];
    size_t cause_n;
    json_t *latest[LATEST]; /* ring */
    size_t latest_at;
};

int ops_news_open(struct ops_news **ret, const struct redis_settings *settings)
{
    struct ops_news *n = calloc(1, sizeof(*n));
    if (!n)
        return ERR_NOMEM;
    int err = redis_watch_open(&n->watch, settings, CHANNEL_CALLS);
    if (err != ERR_OK) {
        free(n);
        return err;
    }
    *ret = n;
    return ERR_OK;
}

void ops_news_close(struct ops_news *n)
{
    if (!n)
        return;
    redis_watch_close(n->watch);
    for (size_t i = 0; i < LATEST; i++)
        json_decref(n->latest[i]);
    free(n);
}

/* The cause's place; when all are taken, that of the rarest. */
static struct cause *find_cause(struct ops_news *n, int code, const char *reason)
{
    struct cause *rarest = &n->causes[0];
    for (size_t i = 0; i < n->cause_n; i++) {
        struct cause *c = &n->causes[i];
        if (c->code == code && strcmp(c->reason, reason) == 0)
            return c;
        rarest = c->n < rarest->n ? c : rarest;
    }
    struct cause *made = n->cause_n < CAUSES ? &n->causes[n->cause_n++] : rarest;
    *made = (struct cause){.code = code};
    snprintf(made->reason, sizeof(made->reason), "%s", reason);
    return made;
}

static void count_failure(struct ops_news *n, const json_t *message)
{
    const json_t *code = json_object_get(message, "code");
    const char *reason = json_string_value(json_object_get(message, "reason"));
    int number =
        json_is_string(code) ? atoi(json_string_value(code)) : (int)json_integer_value(code);
    if (number < FIRST_FAILURE)
        return;
    char cut[REASON_TEXT];
    snprintf(cut, sizeof(cut), "%s", reason ? reason : "");
    struct cause *c = find_cause(n, number, cut);
    c->n++;
    c->seconds[n->second]++;
    n->now.refused++;
}

static void count(struct ops_news *n, const json_t *message)
{
    const char *event = json_string_value(json_object_get(message, "event"));
    if (!event)
        return;
    if (strcmp(event, "start") == 0)
        n->now.started++;
    else if (strcmp(event, "answer") == 0)
        n->now.answered++;
    else if (strcmp(event, "end") == 0 || strcmp(event, "refusal") == 0)
        count_failure(n, message);
}

/* redis_watch_fn */
static void on_message(void *arg, const char *text)
{
    struct ops_news *n = arg;
    json_t *message = text ? json_loads(text, 0, NULL) : NULL;
    if (!text)
        n->heard = false;
    if (!json_is_object(message)) {
        json_decref(message);
        return;
    }
    n->told = true;
    count(n, message);
    json_decref(n->latest[n->latest_at]);
    n->latest[n->latest_at] = message;
    n->latest_at = (n->latest_at + 1) % LATEST;
}

void ops_news_poll(struct ops_news *n)
{
    if (!redis_watch_poll(n->watch, on_message, n))
        n->heard = false;
}

void ops_news_tend(struct ops_news *n)
{
    redis_watch_tend(n->watch, on_message, n);
}

bool ops_news_second(struct ops_news *n, struct ops_counts *ret)
{
    bool heard = n->heard && n->told;
    *ret = n->now;
    n->now = (struct ops_counts){0};
    n->heard = true;
    n->second = (n->second + 1) % MINUTE;
    size_t kept = 0;
    for (size_t i = 0; i < n->cause_n; i++) {
        struct cause *c = &n->causes[i];
        c->n -= c->seconds[n->second];
        c->seconds[n->second] = 0;
        if (c->n > 0)
            n->causes[kept++] = *c;
    }
    n->cause_n = kept;
    return heard;
}

static int by_frequency(const void *a, const void *b)
{
    const struct cause *left = a, *right = b;
    if (left->n != right->n)
        return left->n > right->n ? -1 : 1;
    return left->code != right->code ? left->code - right->code
                                     : strcmp(left->reason, right->reason);
}

json_t *ops_news_causes(const struct ops_news *n)
{
    struct cause *sorted = calloc(CAUSES, sizeof(*sorted));
    json_t *list = sorted ? json_array() : NULL;
    if (sorted) {
        memcpy(sorted, n->causes, n->cause_n * sizeof(*sorted));
        qsort(sorted, n->cause_n, sizeof(*sorted), by_frequency);
    }
    for (size_t i = 0; list && i < n->cause_n && i < CAUSES_SHOWN; i++)
        json_array_append_new(list, json_pack("{s:i s:s s:I}", "code", sorted[i].code, "reason",
                                              sorted[i].reason, "n", (json_int_t)sorted[i].n));
    free(sorted);
    return list;
}

json_t *ops_news_latest(const struct ops_news *n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < LATEST; i++) {
        json_t *message = n->latest[(n->latest_at + 2 * LATEST - 1 - i) % LATEST];
        if (message)
            json_array_append(list, message);
    }
    return list;
}
