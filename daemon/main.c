/* trunkd: the REST API and the background jobs. */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "api.h"
#include "conf.h"
#include "descriptors.h"
#include "http.h"
#include "http_tls.h"
#include "job.h"
#include "log.h"
#include "openapi.h"
#include "ops_feed.h"
#include "schema.h"
#include "service.h"

#ifndef TRUNKLINE_VERSION
#define TRUNKLINE_VERSION "0.1.0"
#endif

enum { OVERRIDES_MAX = 64, RETRY_S = 1, RETRY_LOG_EVERY = 10, DRAIN_MS = 10000 };

struct options {
    const char *file;
    const char *overrides[OVERRIDES_MAX];
    size_t override_count;
    bool check;
};

struct program {
    struct options options;
    struct conf conf;
    sigset_t signals;
    struct service *service;
    struct http *http;
    struct jobs *jobs;
    int failures;             /* of loading the schema, in a row */
    enum schema_state schema; /* as last looked at */
};

static int usage(FILE *out)
{
    fputs("usage: trunkd [-c FILE] [-o SECTION.KEY=VALUE]... [-t] [-V] [--openapi]\n"
          "  -c FILE    settings (INI)\n"
          "  -o S.K=V   override one setting\n"
          "  -t         check the settings and exit\n"
          "  -V         print the version and exit\n"
          "  --openapi  print the OpenAPI document and exit\n"
          "  --conf-reference  print all settings with their defaults and exit\n",
          out);
    return out == stdout ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Reads the settings as the options say. On failure one line is in error. */
static int read_conf(const struct options *o, struct conf *ret, char error[CONF_ERROR])
{
    struct conf c;
    conf_defaults(&c);
    int err = o->file ? conf_load(&c, o->file, error) : ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < o->override_count; i++)
        err = conf_override(&c, o->overrides[i], error);
    if (err == ERR_OK)
        *ret = c;
    return err;
}

static void reload(struct program *p)
{
    struct conf c;
    char error[CONF_ERROR] = "";
    if (read_conf(&p->options, &c, error) != ERR_OK) {
        log_error("settings kept: %s", error);
        return;
    }
    log_set_level(c.log.level);
    service_policy_set(p->service, &c.policy);
    log_info("settings read again: log level and policy");
    if (*p->conf.http.tls_listen &&
        http_tls_load(c.http.tls_certificate, c.http.tls_key, error) != ERR_OK)
        log_error("TLS certificate kept: %s", error);
}

static void report_schema_failure(struct program *p, int err, const char *error)
{
    if (p->failures++ % RETRY_LOG_EVERY == 0)
        log_warn("the store is not ready, trying again every %d s: %s", RETRY_S,
                 *error ? error : err_text(err));
}

/* ERR_OK: loaded, or not yet; else there is no use in trying again. */
static int load_schema(struct program *p)
{
    char error[SCHEMA_ERROR] = "";
    int err = schema_load(service_redis(p->service), error);
    if (err == ERR_VERSION || err == ERR_INVALID) {
        log_error("schema: %s", error);
        return err;
    }
    if (err != ERR_OK) {
        report_schema_failure(p, err, error);
        return ERR_OK;
    }
    if (*error)
        log_warn("schema: %s", error);
    err = *service_secret(p->service) ? ERR_OK : service_load_secret(p->service);
    if (err != ERR_OK) {
        report_schema_failure(p, err, error);
        return ERR_OK;
    }
    err = job_start(&p->jobs, p->service);
    if (err != ERR_OK)
        return err;
    service_set_ready(p->service, true);
    log_info("ready");
    sd_notify(0, "READY=1");
    return ERR_OK;
}

/* A Redis that was emptied, or lost its functions, while we run gets them again. */
static void restore_schema(struct program *p)
{
    char error[SCHEMA_ERROR] = "";
    int err = service_keep_secret(p->service);
    if (err == ERR_OK)
        err = schema_load(service_redis(p->service), error);
    if (err == ERR_OK)
        log_warn("Redis had lost the schema; it is loaded again");
    else
        report_schema_failure(p, err, error);
}

/* Requests and jobs of ours could take a newer schema's keys for something else. */
static void retire(struct program *p, const char *error)
{
    service_set_ready(p->service, false);
    job_stop(p->jobs);
    p->jobs = NULL;
    log_error("schema: %s; until then nothing is served", error);
}

/* What another trunkd, or whoever has Redis in hand, made of the schema while we run. */
static int watch_schema(struct program *p)
{
    char error[SCHEMA_ERROR] = "";
    int64_t version = 0;
    enum schema_state before = p->schema,
                      state = schema_look(service_redis(p->service), &version, error);
    int err = ERR_OK;
    if (state == SCHEMA_UNKNOWN)
        return ERR_OK;
    p->schema = state;
    if (state == SCHEMA_NEWER && p->jobs)
        retire(p, error);
    else if (state != SCHEMA_NEWER && !p->jobs)
        err = load_schema(p);
    else if (state == SCHEMA_LOST)
        restore_schema(p);
    else if (state == SCHEMA_ANOTHERS && before != SCHEMA_ANOTHERS)
        log_warn("the functions in Redis are another build's now, of the same schema");
    tally_schema(service_tally(p->service), version, p->jobs != NULL);
    return err;
}

static int start(struct program *p)
{
    char error[HTTP_TLS_ERROR] = "";
    int err = service_open(&p->service, &p->conf);
    if (err != ERR_OK) {
        log_error("can't start: %s", err_text(err));
        return err;
    }
    const struct http_settings http = {
        .listen = p->conf.http.listen,
        .tls_listen = p->conf.http.tls_listen,
        .threads = p->conf.http.threads,
        .workers = p->conf.http.workers,
        .connections = p->conf.http.connections,
        .connections_per_address = p->conf.http.connections_per_address,
        .idle_timeout_s = p->conf.http.idle_timeout_s,
        .request_timeout_s = p->conf.http.request_timeout_s,
        .body_max = p->conf.http.body_max,
        .upload_max = p->conf.http.upload_max,
        .bodies_max = p->conf.http.bodies_max,
        .kept = service_kept(p->service),
        .reuse = api_reuse,
        .takes_files = api_takes_files,
        .waits = api_waits,
    };
    if (*p->conf.http.tls_listen)
        err = http_tls_load(p->conf.http.tls_certificate, p->conf.http.tls_key, error);
    if (err == ERR_OK)
        err = http_open(&p->http, &http, api_handle, p->service, error);
    if (err != ERR_OK)
        log_error("can't start: %s", *error ? error : err_text(err));
    else
        log_info("trunkd %s listens on %s%s%s", TRUNKLINE_VERSION, p->conf.http.listen,
                 *p->conf.http.tls_listen ? ", with TLS on " : "", p->conf.http.tls_listen);
    return err;
}

/* Until SIGTERM or SIGINT. */
static int run(struct program *p)
{
    const struct timespec retry = {.tv_sec = RETRY_S};
    int err = ERR_OK;
    while (err == ERR_OK) {
        if (p->jobs || p->schema == SCHEMA_NEWER)
            err = watch_schema(p);
        else
            err = load_schema(p);
        service_tend(p->service);
        int signal = err != ERR_OK ? -1 : sigtimedwait(&p->signals, NULL, &retry);
        if (signal == SIGHUP)
            reload(p);
        if (signal == SIGTERM || signal == SIGINT)
            break;
    }
    return err;
}

static void stop(struct program *p)
{
    sd_notify(0, "STOPPING=1");
    if (p->service)
        ops_feed_end(service_feed(p->service));
    http_close(p->http, DRAIN_MS);
    http_tls_unload();
    job_stop(p->jobs);
    service_close(p->service);
}

/* No kind of memory goes into a core, whoever makes it (core(5)). */
static bool empty_cores(void)
{
    FILE *f = fopen("/proc/self/coredump_filter", "we");
    if (!f)
        return false;
    bool written = fputs("0", f) >= 0;
    return fclose(f) == 0 && written;
}

/* Cards pass through this memory: it never goes to a file. A core that is piped to a handler knows
 * no limit of size, but needs a process that may be dumped. (So does the leak check of sanitizers.)
 * A debugger needs neither, but heeds the filter. */
static void forbid_cores(void)
{
    const struct rlimit none = {0, 0};
    bool forbidden = setrlimit(RLIMIT_CORE, &none) == 0;
    forbidden = empty_cores() && forbidden;
#ifndef __SANITIZE_ADDRESS__
    forbidden = prctl(PR_SET_DUMPABLE, 0) == 0 && forbidden;
#endif
    if (!forbidden)
        log_warn("core dumps can't be switched off: %s", strerror(errno));
}

static void block_signals(struct program *p)
{
    sigemptyset(&p->signals);
    sigaddset(&p->signals, SIGTERM);
    sigaddset(&p->signals, SIGINT);
    sigaddset(&p->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &p->signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

enum parsed { PARSED_RUN, PARSED_DONE, PARSED_BAD };

static enum parsed parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"openapi",        no_argument, NULL, 'O'},
        {"conf-reference", no_argument, NULL, 'R'},
        {"help",           no_argument, NULL, 'h'},
        {NULL,             0,           NULL, 0  },
    };
    int c;
    while ((c = getopt_long(argc, argv, "c:o:tVh", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            o->file = optarg;
            break;
        case 'o':
            if (o->override_count == OVERRIDES_MAX)
                return PARSED_BAD;
            o->overrides[o->override_count++] = optarg;
            break;
        case 't':
            o->check = true;
            break;
        case 'V':
            puts("trunkd " TRUNKLINE_VERSION);
            return PARSED_DONE;
        case 'O':
            return openapi_print(stdout) == ERR_OK ? PARSED_DONE : PARSED_BAD;
        case 'R':
            conf_print_reference(stdout);
            return PARSED_DONE;
        case 'h':
            usage(stdout);
            return PARSED_DONE;
        default:
            return PARSED_BAD;
        }
    }
    return optind == argc ? PARSED_RUN : PARSED_BAD;
}

/* What -t sees beside the settings by themselves. */
static int check_http(const struct conf *c)
{
    char error[HTTP_TLS_ERROR] = "http.listen and http.tls_listen are both empty";
    bool tls = *c->http.tls_listen != '\0';
    if (tls ? http_tls_check(c->http.tls_certificate, c->http.tls_key, error) == ERR_OK
            : *c->http.listen != '\0')
        return EXIT_SUCCESS;
    fprintf(stderr, "trunkd: %s\n", error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct program p = {0};
    char error[CONF_ERROR] = "";
    enum parsed parsed = parse_options(argc, argv, &p.options);
    if (parsed != PARSED_RUN)
        return parsed == PARSED_DONE ? EXIT_SUCCESS : usage(stderr);
    if (read_conf(&p.options, &p.conf, error) != ERR_OK) {
        fprintf(stderr, "trunkd: %s\n", error);
        return EXIT_FAILURE;
    }
    if (p.options.check)
        return check_http(&p.conf);
    log_open("trunkd", p.conf.log.level);
    forbid_cores();
    descriptors_allow_all();
    block_signals(&p);
    int err = start(&p);
    if (err == ERR_OK)
        err = run(&p);
    stop(&p);
    return err == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
