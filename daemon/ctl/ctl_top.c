/* top: what goes on, live on a terminal, or once as text or JSON. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "ctl_top_feed.h"
#include "ctl_top_json.h"
#include "ctl_top_page.h"
#include "ctl_top_screen.h"
#include "ctl_verbs.h"
#include "text.h"

enum { SECOND_MS = 1000, ONCE_COLS = 120, SIGNALS = 5, ONCE_MOST_S = 30 };

struct app {
    uv_loop_t loop;
    uv_timer_t second;
    uv_signal_t signals[SIGNALS];
    uv_poll_t keys;
    struct top_feed *feed;
    struct top top;
    struct page page;
    struct page_view view;
    char typed[24];
    bool once, complete;
    unsigned seconds; /* since the start */
};

static void close_handle(uv_handle_t *handle)
{
    if (handle->data && !uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void stop(struct app *app)
{
    top_feed_close(app->feed);
    close_handle((uv_handle_t *)&app->second);
    close_handle((uv_handle_t *)&app->keys);
    for (size_t i = 0; i < SIGNALS; i++)
        close_handle((uv_handle_t *)&app->signals[i]);
}

static void show(struct app *app)
{
    size_t rows, cols;
    top_screen_size(&rows, &cols);
    top_page_fill(&app->page, &app->top, &app->view, rows, cols);
    top_screen_show(&app->page);
}

/* A snapshot ends a whole second after all was known, so that its rates are those of one. */
static void on_second(uv_timer_t *timer)
{
    struct app *app = timer->data;
    bool known = app->complete;
    app->seconds++;
    top_state_second(&app->top);
    app->complete = app->complete || top_feed_is_complete(app->feed);
    if (app->once && (known || app->seconds == ONCE_MOST_S)) {
        stop(app);
        return;
    }
    top_feed_tick(app->feed);
    if (!app->once && !app->view.paused)
        show(app);
}

/* ---- keys ---- */

static void sort_otherwise(struct app *app)
{
    app->view.sort = (app->view.sort + 1) % TOP_SORTS;
}

static void ask_account(struct app *app)
{
    text_set(app->typed, sizeof app->typed, "");
    app->view.typing = app->typed;
}

static void pause_or_go_on(struct app *app)
{
    app->view.paused = !app->view.paused;
}

static void help_or_not(struct app *app)
{
    app->view.help = !app->view.help;
}

static const struct {
    int key;
    void (*fn)(struct app *app);
} keys[] = {
    {'q', stop          },
    {'Q', stop          },
    {'s', sort_otherwise},
    {'f', ask_account   },
    {'/', ask_account   },
    {'p', pause_or_go_on},
    {'?', help_or_not   },
    {'h', help_or_not   },
};

static void on_typed(struct app *app, int key)
{
    size_t n = strlen(app->typed);
    bool fits = n + 1 < sizeof app->typed;
    if (key == SCREEN_ENTER) {
        top_state_only(&app->top, app->typed);
        top_feed_restart(app->feed);
    }
    if (key == SCREEN_ENTER || key == SCREEN_ESCAPE) {
        app->view.typing = NULL;
    } else if (key == SCREEN_BACKSPACE && n > 0) {
        app->typed[n - 1] = '\0';
    } else if (key > ' ' && key < SCREEN_BACKSPACE && fits &&
               (isalnum(key) || strchr("_.-", key))) {
        app->typed[n] = (char)key;
        app->typed[n + 1] = '\0';
    }
}

static void on_keys(uv_poll_t *poll, int status, int events)
{
    struct app *app = poll->data;
    int key, n = 0;
    (void)events;
    while (status == 0 && top_screen_key(&key)) {
        n++;
        if (app->view.typing) {
            on_typed(app, key);
            continue;
        }
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            if (keys[i].key == key)
                keys[i].fn(app);
        }
    }
    if (n == 0) /* the terminal is gone */
        stop(app);
    else if (!uv_is_closing((uv_handle_t *)&app->second))
        show(app);
}

/* ---- life ---- */

static void on_signal(uv_signal_t *handle, int number)
{
    struct app *app = handle->data;
    if (number != SIGWINCH) {
        stop(app);
    } else if (!app->once) {
        top_screen_resize();
        show(app);
    }
}

static void listen_to_signals(struct app *app)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(&app->loop, &app->signals[i]);
        app->signals[i].data = app;
        uv_signal_start(&app->signals[i], on_signal, numbers[i]);
    }
}

static int print_snapshot(struct app *app, bool json)
{
    if (!app->complete)
        return ctl_fail("Redis at %s does not answer in time", app->top.address);
    if (json)
        return top_json_print(&app->top) ? CTL_DONE : CTL_FAILED;
    top_page_fill(&app->page, &app->top, &app->view, PAGE_ROWS, ONCE_COLS);
    size_t last = app->page.n - 1; /* of the keys */
    while (last > 0 && !app->page.lines[last - 1].text[0])
        last--;
    for (size_t i = 0; i < last; i++)
        (void)puts(app->page.lines[i].text);
    return fflush(stdout) == 0 ? CTL_DONE : CTL_FAILED;
}

static int open_parts(struct app *app, struct ctl *c)
{
    int err = top_feed_open(&app->feed, c, &app->loop, &app->top, app->once);
    uv_timer_init(&app->loop, &app->second);
    app->second.data = app;
    uv_timer_start(&app->second, on_second, SECOND_MS, SECOND_MS);
    if (err == ERR_OK && !app->once && uv_poll_init(&app->loop, &app->keys, STDIN_FILENO) == 0) {
        app->keys.data = app;
        uv_poll_start(&app->keys, UV_READABLE, on_keys);
    }
    return err;
}

int ctl_top(struct ctl *c, const struct args *a)
{
    if (!ctl_reach(c))
        return CTL_FAILED;
    struct app *app = ctl_alloc(sizeof *app);
    app->once =
        c->json || ctl_args_given(a, "--once") || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
    app->top.address = c->conf.redis.address;
    app->top.lease_ms = c->conf.sip.lease_s * 1000;
    text_set(app->top.only, sizeof app->top.only, ctl_args_text(a, "--account"));
    if (!app->once && !top_screen_open()) {
        free(app);
        return ctl_fail("TERM: the terminal can't show a full screen; --once prints it");
    }
    uv_loop_init(&app->loop);
    listen_to_signals(app);
    int err = open_parts(app, c);
    if (err != ERR_OK)
        stop(app);
    else if (!app->once)
        show(app);
    uv_run(&app->loop, UV_RUN_DEFAULT);
    uv_loop_close(&app->loop);
    top_screen_close();
    int code = err != ERR_OK ? ctl_fail("redis.address %s: %s", app->top.address, err_text(err))
               : app->once   ? print_snapshot(app, c->json)
                             : CTL_DONE;
    top_feed_free(app->feed);
    top_state_free(&app->top);
    free(app);
    return code;
}
