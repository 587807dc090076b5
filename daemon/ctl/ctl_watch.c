/* watch: prints what happens, live. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "ctl_event.h"
#include "ctl_verbs.h"
#include "redis_async.h"

static const struct {
    const char *word, *channel;
} channels[] = {
    {"calls",  CHANNEL_CALLS },
    {"trunks", CHANNEL_TRUNKS},
    {"health", CHANNEL_HEALTH},
};
enum { CHANNELS = sizeof channels / sizeof channels[0] };

struct watch {
    uv_loop_t loop;
    struct redis_async *redis;
    uv_signal_t interrupt, terminate;
    uv_poll_t reader; /* who reads what we print, to see it go */
    const struct args *args;
    bool json, colour;
    bool wants[CHANNELS];
    bool was_up, away;
    bool broken; /* nobody reads any more */
};

static void stop(struct watch *w)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&w->interrupt, (uv_handle_t *)&w->terminate,
                              (uv_handle_t *)&w->reader};
    if (w->redis)
        redis_async_close(w->redis);
    w->redis = NULL;
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        if (handles[i]->data && !uv_is_closing(handles[i]))
            uv_close(handles[i], NULL);
    }
}

/* ---- what is printed ---- */

/* Every filter that was given must find its field in the event. */
static bool is_wanted(const struct watch *w, const struct event *e)
{
    static const struct {
        const char *option, *field;
    } filters[] = {
        {"--account", "account"},
        {"--trunk",   "tg"     },
    };
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (ctl_args_given(w->args, filters[i].option) &&
            strcmp(ctl_args_text(w->args, filters[i].option),
                   ctl_event_text(e, filters[i].field)) != 0)
            return false;
    }
    if (!ctl_args_given(w->args, "--number"))
        return true;
    /* dialled numbers have a country code */
    const char *number = ctl_event_text(e, "number"), *wanted = ctl_args_text(w->args, "--number");
    size_t n = strlen(number), n_wanted = strlen(wanted);
    return n >= n_wanted && strcmp(number + n - n_wanted, wanted) == 0;
}

static const char *colour_of(const struct event *e)
{
    static const struct {
        const char *field, *word, *colour;
    } colours[] = {
        {"event", "answer",   "\x1b[32m"},
        {"event", "refusal",  "\x1b[31m"},
        {"event", "end",      "\x1b[2m" },
        {"event", "disabled", "\x1b[31m"},
        {"state", "down",     "\x1b[31m"},
        {"state", "up",       "\x1b[32m"},
    };
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
        if (strcmp(ctl_event_text(e, colours[i].field), colours[i].word) == 0)
            return colours[i].colour;
    }
    return "";
}

static int print_event(const struct watch *w, const struct event *e, struct span message)
{
    if (w->json)
        return printf("%.*s\n", (int)message.n, message.p);
    const char *colour = w->colour ? colour_of(e) : "";
    char *line = ctl_event_line(e);
    int n = printf("%s%s%s\n", colour, line, *colour ? "\x1b[0m" : "");
    free(line);
    return n;
}

static void on_message(void *arg, struct span channel, struct span message)
{
    struct watch *w = arg;
    struct event *e = ctl_event_read(message);
    (void)channel;
    if (e && !w->broken && is_wanted(w, e))
        w->broken = print_event(w, e, message) < 0 || fflush(stdout) != 0;
    ctl_event_free(e);
    if (w->broken)
        stop(w);
}

/* ---- the link ---- */

static void on_state(void *arg, bool up)
{
    struct watch *w = arg;
    if (up && w->away)
        fputs("trunkctl: Redis is back; events may be missing\n", stderr);
    else if (up && !w->was_up)
        fputs("trunkctl: watching; Ctrl-C ends it\n", stderr);
    else if (!up && w->was_up && !w->away)
        fputs("trunkctl: Redis is away\n", stderr);
    w->away = !up && w->was_up;
    w->was_up |= up;
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    stop(signal->data);
}

static void on_reader(uv_poll_t *poll, int status, int events)
{
    if (status < 0 || (events & UV_DISCONNECT))
        stop(poll->data);
}

static void listen_to(struct watch *w, uv_signal_t *signal, int number)
{
    uv_signal_init(&w->loop, signal);
    signal->data = w;
    uv_signal_start(signal, on_signal, number);
}

/* A file can't be waited for, and needs not. */
static void watch_reader(struct watch *w)
{
    if (uv_poll_init(&w->loop, &w->reader, STDOUT_FILENO) != 0)
        return;
    w->reader.data = w;
    uv_poll_start(&w->reader, UV_DISCONNECT, on_reader);
}

static int open_link(struct watch *w, struct ctl *c)
{
    struct redis_settings settings = {
        .address = c->conf.redis.address,
        .user = c->conf.redis.user,
        .password = c->conf.redis.password,
        .timeout_ms = c->conf.redis.timeout_ms,
    };
    int err = redis_async_open(&w->redis, &w->loop, &settings, on_state, w);
    for (size_t i = 0; err == ERR_OK && i < CHANNELS; i++) {
        if (w->wants[i])
            err = redis_async_subscribe(w->redis, channels[i].channel, on_message, w);
    }
    return err;
}

static bool read_events(struct watch *w, const char *text)
{
    struct span rest = span_of(text), word;
    while (span_cut(&rest, ',', &word)) {
        size_t i = 0;
        while (i < CHANNELS && !span_eq(word, span_of(channels[i].word)))
            i++;
        if (i == CHANNELS) {
            ctl_usage("--events: %.*s is none of calls, trunks, health", (int)word.n, word.p);
            return false;
        }
        w->wants[i] = true;
    }
    return true;
}

int ctl_watch(struct ctl *c, const struct args *a)
{
    const char *plain = getenv("NO_COLOR"), *term = getenv("TERM");
    struct watch w = {.args = a, .json = c->json};
    if (!read_events(&w, ctl_args_text(a, "--events")))
        return CTL_USAGE;
    if (!ctl_reach(c))
        return CTL_FAILED;
    w.colour = isatty(STDOUT_FILENO) && !(plain && *plain) && !(term && strcmp(term, "dumb") == 0);
    (void)signal(SIGPIPE, SIG_IGN); /* a failed write says so */
    uv_loop_init(&w.loop);
    listen_to(&w, &w.interrupt, SIGINT);
    listen_to(&w, &w.terminate, SIGTERM);
    watch_reader(&w);
    int err = open_link(&w, c);
    if (err != ERR_OK)
        stop(&w);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    uv_loop_close(&w.loop);
    return err == ERR_OK ? CTL_DONE
                         : ctl_fail("redis.address %s: %s", c->conf.redis.address, err_text(err));
}
