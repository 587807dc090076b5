#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "keys.h"
#include "log.h"
#include "schema.h"
#include "secret.h"

enum { TICK_MS = 250, BEAT_MAX_MS = 5000, PROMPT_MS = 50, REPORT_MS = 2 };

struct store {
    uv_loop_t *loop;
    struct redis_async *commands, *channels;
    struct store_events events;
    uv_timer_t tick;
    uint64_t beat_ms, beaten; /* interval, time of the latest heartbeat */
    int64_t beat_sent;        /* clock_boot_ms of it */
    int64_t ahead_ms;         /* Redis TIME less clock_boot_ms; 0: not known */
    bool up, checking, complained, keyed;
    struct mac_key mac_key;
    bool foreign; /* Redis holds a schema of another version: its functions are not called */
    int64_t schema;
    char node[STORE_NODE], boot[STORE_BOOT];
    char address[ADDR_PORT_TEXT];
};

static void set_up(struct store *s, bool up)
{
    if (s->up == up)
        return;
    s->up = up;
    s->events.up(s->events.arg, up);
}

/* ---- heartbeat ---- */

static void send_heartbeat(struct store *s);

/* How a function is called. */
struct manner {
    const char *command;
    unsigned within_ms;
};

static const struct manner CALL = {"FCALL", 0}, REPORT = {"FCALL", REPORT_MS},
                           ASK = {"FCALL_RO", 0};

/* lens as in store_report_bytes; NULL: texts. */
static int send_bytes(struct store *s, struct manner manner, redis_async_fn *fn, void *arg,
                      const char *function, const char *key, size_t n_args,
                      const char *const args[], const size_t lens[])
{
    const char *argv[4 + STORE_ARGS] = {manner.command, function, "1", key};
    size_t sizes[4 + STORE_ARGS];
    if (n_args > STORE_ARGS)
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < n_args; i++)
        argv[4 + i] = args[i];
    for (size_t i = 0; lens && i < 4 + n_args; i++)
        sizes[i] = i < 4 ? strlen(argv[i]) : lens[i - 4];
    return redis_async_send(s->commands, manner.within_ms, fn, arg, 4 + n_args, argv,
                            lens ? sizes : NULL);
}

static int send_call(struct store *s, struct manner manner, redis_async_fn *fn, void *arg,
                     const char *function, const char *key, size_t n_args, const char *const args[])
{
    return send_bytes(s, manner, fn, arg, function, key, n_args, args, NULL);
}

static void on_heartbeat(void *arg, const struct redisReply *reply, int err)
{
    struct store *s = arg;
    int result = err == ERR_OK ? reply_check(reply) : err;
    int64_t now = clock_boot_ms();
    if (result == ERR_OK && now - s->beat_sent < PROMPT_MS)
        s->ahead_ms = reply_int(reply, 1, 0) - (now + s->beat_sent) / 2;
    if (result != ERR_REFUSED)
        return;
    log_error("another sipmod runs, or ran, as node %s: sip.node must be unique", s->node);
    if (secret_random_hex((STORE_BOOT - 1) / 2, s->boot) == ERR_OK)
        send_heartbeat(s);
}

static void send_heartbeat(struct store *s)
{
    s->beaten = uv_now(s->loop);
    s->beat_sent = clock_boot_ms();
    const char *args[] = {s->boot, s->address, TRUNKLINE_VERSION};
    if (send_call(s, CALL, on_heartbeat, s, "node_heartbeat", key_node(s->node).text, 3, args) !=
        ERR_OK)
        log_debug("heartbeat not sent: Redis is away");
}

static void enter_index(struct store *s)
{
    const char *args[] = {s->node};
    if (store_call(s, NULL, NULL, "index_add", KEY_NODES, 1, args) != ERR_OK)
        log_debug("node index not written: Redis is away");
}

/* ---- link ---- */

/* Another schema's functions could take our arguments for something else: no new calls, and the
 * ends of those that are up wait, on disk, for this node's next start. Heartbeats go on, so that
 * nobody takes these calls for lost. */
static void refuse_schema(struct store *s, const char *version)
{
    if (!s->complained && s->schema > SCHEMA_VERSION)
        log_error("Redis holds schema \"%s\", newer than this sipmod knows (%d): no more calls are "
                  "taken; start a newer sipmod",
                  version, SCHEMA_VERSION);
    else if (!s->complained)
        log_error("Redis holds schema \"%s\", this sipmod needs %d: start a matching trunkd",
                  version, SCHEMA_VERSION);
    s->complained = true;
    s->foreign = s->schema != 0 && s->schema != SCHEMA_VERSION;
    set_up(s, false);
}

static void on_schema(void *arg, const struct redisReply *reply, int err)
{
    struct store *s = arg;
    s->checking = false;
    if (err != ERR_OK || raw_is_error(reply))
        return; /* on_tick asks again */
    const char *version = raw_text(raw_at(reply, 0)), *secret = raw_text(raw_at(reply, 1));
    s->schema = atoi(version);
    if (s->schema != SCHEMA_VERSION || !*secret) {
        refuse_schema(s, version);
        return;
    }
    s->mac_key = mac_key_of(span_of(secret));
    s->keyed = true;
    s->complained = s->foreign = false;
    if (!s->up)
        s->events.linked(s->events.arg);
}

void store_register(struct store *s)
{
    if (s->up || !redis_async_is_up(s->commands))
        return;
    enter_index(s);
    send_heartbeat(s);
    set_up(s, true);
}

static void check_schema(struct store *s)
{
    static const char *const hmget[] = {"HMGET", KEY_SCHEMA, "version", "secret"};
    s->checking = redis_async_send(s->commands, 0, on_schema, s, 4, hmget, NULL) == ERR_OK;
}

static void on_link(void *arg, bool up)
{
    struct store *s = arg;
    if (up) {
        check_schema(s);
    } else {
        log_warn("Redis is away");
        set_up(s, false);
    }
}

/* Renews the heartbeat, and looks whether the schema changed: then, and while it is wrong. */
static void on_tick(uv_timer_t *timer)
{
    struct store *s = timer->data;
    bool due = (s->up || s->foreign) && uv_now(s->loop) - s->beaten >= s->beat_ms;
    if (due)
        send_heartbeat(s);
    if ((due || !s->up) && !s->checking && redis_async_is_up(s->commands))
        check_schema(s);
}

static void on_channels(void *arg, bool up)
{
    struct store *s = arg;
    struct span all = {"", 0};
    if (!up)
        return;
    s->events.source_changed(s->events.arg, all);
    s->events.gateway_changed(s->events.arg, all);
}

static void on_source(void *arg, struct span channel, struct span message)
{
    struct store *s = arg;
    (void)channel;
    s->events.source_changed(s->events.arg, message);
}

static void on_gateway(void *arg, struct span channel, struct span message)
{
    struct store *s = arg;
    (void)channel;
    s->events.gateway_changed(s->events.arg, message);
}

static void on_kill(void *arg, struct span channel, struct span message)
{
    struct store *s = arg;
    (void)channel;
    s->events.kill(s->events.arg, message);
}

/* ---- life ---- */

static void choose_node(struct store *s, const struct conf *conf)
{
    char host[40] = "sipmod";
    if (conf->sip.node[0]) {
        snprintf(s->node, sizeof s->node, "%.*s", STORE_NODE - 1, conf->sip.node);
        return;
    }
    (void)gethostname(host, sizeof host - 1);
    const char *port = strrchr(s->address, ':');
    snprintf(s->node, sizeof s->node, "%s%s", host, port ? port : "");
}

int store_open(struct store **ret, uv_loop_t *loop, const struct conf *conf, const char *address,
               const struct store_events *events, redis_observe_fn *observe, void *observe_arg)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->loop = loop;
    s->events = *events;
    snprintf(s->address, sizeof s->address, "%s", address);
    choose_node(s, conf);
    uv_timer_init(loop, &s->tick);
    s->tick.data = s;
    s->beat_ms = (uint64_t)conf->sip.lease_s * 1000 / 3;
    if (s->beat_ms > BEAT_MAX_MS)
        s->beat_ms = BEAT_MAX_MS;
    struct redis_settings settings = {.address = conf->redis.address,
                                      .user = conf->redis.user,
                                      .password = conf->redis.password,
                                      .timeout_ms = conf->sip.store_timeout_ms,
                                      .observe = observe,
                                      .observe_arg = observe_arg};
    int err = secret_random_hex((STORE_BOOT - 1) / 2, s->boot);
    if (err == ERR_OK)
        err = redis_async_open(&s->commands, loop, &settings, on_link, s);
    settings.observe = NULL; /* messages are no replies */
    if (err == ERR_OK)
        err = redis_async_open(&s->channels, loop, &settings, on_channels, s);
    if (err == ERR_OK)
        err = redis_async_subscribe(s->channels, CHANNEL_SOURCES, on_source, s);
    if (err == ERR_OK)
        err = redis_async_subscribe(s->channels, CHANNEL_GATEWAYS, on_gateway, s);
    if (err == ERR_OK)
        err = redis_async_subscribe(s->channels, CHANNEL_KILL, on_kill, s);
    if (err != ERR_OK) {
        store_close(s);
        return err;
    }
    uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    *ret = s;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    redis_async_close(s->commands);
    redis_async_close(s->channels);
    uv_close((uv_handle_t *)&s->tick, on_closed);
}

bool store_is_up(const struct store *s)
{
    return s->up;
}

int store_fd(const struct store *s)
{
    return redis_async_fd(s->commands);
}

int64_t store_schema(const struct store *s)
{
    return s->schema;
}

const char *store_node(const struct store *s)
{
    return s->node;
}

const char *store_boot(const struct store *s)
{
    return s->boot;
}

const struct mac_key *store_mac_key(const struct store *s)
{
    return s->keyed ? &s->mac_key : NULL;
}

uint64_t store_now(const struct store *s)
{
    return uv_now(s->loop);
}

int64_t store_redis_ms(const struct store *s)
{
    return s->ahead_ms ? clock_boot_ms() + s->ahead_ms : 0;
}

static int send_if_ours(struct store *s, struct manner manner, redis_async_fn *fn, void *arg,
                        const char *function, const char *key, size_t n_args,
                        const char *const args[])
{
    return s->foreign ? ERR_UNAVAILABLE
                      : send_call(s, manner, fn, arg, function, key, n_args, args);
}

int store_call(struct store *s, redis_async_fn *fn, void *arg, const char *function,
               const char *key, size_t n_args, const char *const args[])
{
    return send_if_ours(s, CALL, fn, arg, function, key, n_args, args);
}

int store_report(struct store *s, redis_async_fn *fn, void *arg, const char *function,
                 const char *key, size_t n_args, const char *const args[])
{
    return send_if_ours(s, REPORT, fn, arg, function, key, n_args, args);
}

int store_ask(struct store *s, redis_async_fn *fn, void *arg, const char *function, const char *key,
              size_t n_args, const char *const args[])
{
    return send_if_ours(s, ASK, fn, arg, function, key, n_args, args);
}

int store_report_bytes(struct store *s, redis_async_fn *fn, void *arg, const char *function,
                       const char *key, size_t n_args, const char *const args[],
                       const size_t lens[])
{
    return s->foreign ? ERR_UNAVAILABLE
                      : send_bytes(s, REPORT, fn, arg, function, key, n_args, args, lens);
}

int store_listen(struct store *s, const char *channel, redis_async_message_fn *fn, void *arg)
{
    return redis_async_subscribe(s->channels, channel, fn, arg);
}

int store_members(struct store *s, redis_async_fn *fn, void *arg, const char *key)
{
    const char *argv[] = {"SMEMBERS", key};
    return redis_async_send(s->commands, 0, fn, arg, 2, argv, NULL);
}
