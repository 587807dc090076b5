/* sipmod: the SIP proxy. Reads its settings, opens the proxy on a loop, and listens to signals. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>

#include "arena.h"
#include "conf.h"
#include "descriptors.h"
#include "log.h"
#include "proxy.h"
#include "tap.h"

enum { EXIT_USAGE = 2, OVERRIDES_MAX = 64 };

struct options {
    const char *file; /* NULL: defaults */
    const char *overrides[OVERRIDES_MAX];
    size_t n_overrides;
    bool test_only;
    const char *tap; /* what is read beside another proxy; NULL: we are the proxy */
};

struct app {
    struct options options;
    struct conf conf;
    uv_loop_t loop;
    struct proxy *proxy;
    uv_signal_t terminate, interrupt, hangup;
    uv_timer_t drain_limit;
};

static const char USAGE[] =
    "usage: sipmod [-c FILE] [-o section.key=value]... [-t] [-V] [--tap IFACE|FILE]\n"
    "  -c FILE  settings (INI)\n"
    "  -o S.K=V overrides one setting; may be repeated\n"
    "  -t       checks the settings and exits\n"
    "  -V       prints the version and exits\n"
    "  --tap X  records the calls seen on an interface or in a file of pcap, and carries none\n";

static int read_options(int argc, char **argv, struct options *o)
{
    enum { TAP = 256 };
    static const struct option words[] = {
        {"tap", required_argument, NULL, TAP},
        {NULL,  0,                 NULL, 0  },
    };
    int c;
    while ((c = getopt_long(argc, argv, "c:o:tVh", words, NULL)) != -1) {
        switch (c) {
        case TAP:
            o->tap = optarg;
            break;
        case 'c':
            o->file = optarg;
            break;
        case 'o':
            if (o->n_overrides == OVERRIDES_MAX) {
                fprintf(stderr, "sipmod: more than %d overrides\n", OVERRIDES_MAX);
                return EXIT_USAGE;
            }
            o->overrides[o->n_overrides++] = optarg;
            break;
        case 't':
            o->test_only = true;
            break;
        case 'V':
            puts("sipmod " TRUNKLINE_VERSION);
            exit(EXIT_SUCCESS);
        case 'h':
            fputs(USAGE, stdout);
            exit(EXIT_SUCCESS);
        default:
            fputs(USAGE, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "sipmod: unexpected argument: %s\n%s", argv[optind], USAGE);
        return EXIT_USAGE;
    }
    return EXIT_SUCCESS;
}

/* File first, then the overrides. */
static int read_conf(const struct options *o, struct conf *conf, char error[CONF_ERROR])
{
    conf_defaults(conf);
    int err = o->file ? conf_load(conf, o->file, error) : ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < o->n_overrides; i++)
        err = conf_override(conf, o->overrides[i], error);
    return err;
}

/* Closes everything; the loop ends when the last handle is gone. */
static void shut_down(struct app *app)
{
    if (uv_is_closing((uv_handle_t *)&app->terminate))
        return;
    proxy_close(app->proxy);
    app->proxy = NULL;
    uv_close((uv_handle_t *)&app->terminate, NULL);
    uv_close((uv_handle_t *)&app->interrupt, NULL);
    uv_close((uv_handle_t *)&app->hangup, NULL);
    uv_close((uv_handle_t *)&app->drain_limit, NULL);
}

static void on_drain_limit(uv_timer_t *timer)
{
    log_warn("drain took too long: exiting with calls in setup");
    shut_down(timer->data);
}

static void on_terminate(uv_signal_t *handle, int number)
{
    struct app *app = handle->data;
    (void)number;
    if (uv_is_active((uv_handle_t *)&app->drain_limit)) { /* asked twice */
        shut_down(app);
        return;
    }
    sd_notify(0, "STOPPING=1");
    proxy_drain(app->proxy);
    uv_timer_start(&app->drain_limit, on_drain_limit, (uint64_t)app->conf.sip.drain_s * 1000, 0);
}

/* What can change while running. */
static void on_hangup(uv_signal_t *handle, int number)
{
    struct app *app = handle->data;
    struct conf fresh;
    char error[CONF_ERROR], tls_error[PROXY_ERROR];
    (void)number;
    if (read_conf(&app->options, &fresh, error) != ERR_OK) {
        log_error("settings not reread: %s", error);
        return;
    }
    app->conf.log.level = fresh.log.level;
    app->conf.sip.unknown_source_403 = fresh.sip.unknown_source_403;
    app->conf.sip.no_answer_ms = fresh.sip.no_answer_ms;
    app->conf.sip.timer_c_s = fresh.sip.timer_c_s;
    app->conf.sip.sessions_code = fresh.sip.sessions_code;
    app->conf.sip.retry_after_s = fresh.sip.retry_after_s;
    app->conf.sip.longest_call_s = fresh.sip.longest_call_s;
    app->conf.sip.session_expires_s = fresh.sip.session_expires_s;
    app->conf.sip.session_min_s = fresh.sip.session_min_s;
    app->conf.sip.drain_s = fresh.sip.drain_s;
    app->conf.sip.connections = fresh.sip.connections;
    app->conf.sip.connections_per_address = fresh.sip.connections_per_address;
    app->conf.sip.stream_idle_s = fresh.sip.stream_idle_s;
    app->conf.sip.connect_ms = fresh.sip.connect_ms;
    app->conf.sip.udp_only = fresh.sip.udp_only;
    app->conf.sip.target_failures = fresh.sip.target_failures;
    app->conf.sip.target_recoveries = fresh.sip.target_recoveries;
    app->conf.sip.target_rest_s = fresh.sip.target_rest_s;
    app->conf.sip.probe_ms = fresh.sip.probe_ms;
    app->conf.sip.probe_all = fresh.sip.probe_all;
    app->conf.sip.source_rate = fresh.sip.source_rate;
    app->conf.sip.source_invite_rate = fresh.sip.source_invite_rate;
    app->conf.sip.stranger_rate = fresh.sip.stranger_rate;
    app->conf.sip.transactions_max = fresh.sip.transactions_max;
    app->conf.sip.admissions_max = fresh.sip.admissions_max;
    app->conf.sip.gather_us = fresh.sip.gather_us;
    app->conf.sip.lag_ms = fresh.sip.lag_ms;
    app->conf.tls = fresh.tls;
    log_set_level(fresh.log.level);
    if (proxy_reload(app->proxy, tls_error) != ERR_OK)
        log_error("certificates not reread: %s", tls_error);
    log_info("settings reread");
}

static void on_ready(void *arg)
{
    (void)arg;
    log_info("ready");
    sd_notify(0, "READY=1");
}

static void on_drained(void *arg)
{
    log_info("drained");
    shut_down(arg);
}

static void watch(struct app *app, uv_signal_t *handle, int number, uv_signal_cb fn)
{
    uv_signal_init(&app->loop, handle);
    handle->data = app;
    uv_signal_start(handle, fn, number);
}

static int run(struct app *app)
{
    char error[PROXY_ERROR];
    struct proxy_events events = {on_ready, on_drained, app};
    uv_loop_init(&app->loop);
    int err = proxy_open(&app->proxy, &app->loop, &app->conf, &events, error);
    if (err != ERR_OK) {
        log_error("%s", error);
        uv_run(&app->loop, UV_RUN_DEFAULT);
        uv_loop_close(&app->loop);
        return EXIT_FAILURE;
    }
    watch(app, &app->terminate, SIGTERM, on_terminate);
    watch(app, &app->interrupt, SIGINT, on_terminate);
    watch(app, &app->hangup, SIGHUP, on_hangup);
    uv_timer_init(&app->loop, &app->drain_limit);
    app->drain_limit.data = app;
    uv_run(&app->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&app->loop) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct app app;
    char error[CONF_ERROR];
    int code = read_options(argc, argv, &app.options);
    if (code != EXIT_SUCCESS)
        return code;
    if (read_conf(&app.options, &app.conf, error) != ERR_OK) {
        fprintf(stderr, "sipmod: %s\n", error);
        return EXIT_FAILURE;
    }
    if (app.options.test_only) {
        puts("settings are fine");
        return EXIT_SUCCESS;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a peer closed: the write says so */
    descriptors_allow_all();
    log_open("sipmod", app.conf.log.level);
    arena_hook_osip();
    return app.options.tap ? tap_run(&app.conf, app.options.tap) : run(&app);
}
