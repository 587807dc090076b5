#include "ctl_top_feed.h"

#include <stdlib.h>
#include <string.h>

#include "redis_async.h"
#include "text.h"

enum { NAME_MAX_N = 20000 }; /* of an index; the others are not looked at */

/* An index set and how far its members have been read. */
struct turn {
    struct names names;
    size_t next;
    bool known, through; /* it was read; each member had its turn */
};

struct top_feed {
    struct top *t;
    struct redis_async *commands, *channels;
    struct turn accounts, nodes, gateways;
    size_t waiting; /* replies */
    unsigned ticks;
    bool all, listens, closing;
};

/* One command's reply, and what it is of. */
struct question {
    struct top_feed *f;
    void (*take)(struct top_feed *f, const char *name, const struct redisReply *reply);
    char name[TOP_NAME];
};

static void on_reply(void *arg, const struct redisReply *reply, int err)
{
    struct question *q = arg;
    struct top_feed *f = q->f;
    f->waiting--;
    if (err == ERR_OK && !raw_is_error(reply) && !f->closing)
        q->take(f, q->name, reply);
    free(q);
}

static void ask(struct top_feed *f,
                void (*take)(struct top_feed *f, const char *name, const struct redisReply *reply),
                const char *name, size_t argc, const char *const argv[])
{
    struct question *q = ctl_alloc(sizeof *q);
    q->f = f;
    q->take = take;
    text_set(q->name, sizeof q->name, name);
    f->waiting++;
    if (redis_async_send(f->commands, 0, on_reply, q, argc, argv, NULL) != ERR_OK) {
        f->waiting--;
        free(q);
    }
}

/* ---- replies ---- */

static void take_time(struct top_feed *f, const char *name, const struct redisReply *reply)
{
    (void)name;
    f->t->now = strtoll(raw_text(raw_at(reply, 0)), NULL, 10) * 1000 +
                strtoll(raw_text(raw_at(reply, 1)), NULL, 10) / 1000;
}

static void take_index(struct turn *turn, const struct redisReply *reply)
{
    ctl_names_free(&turn->names);
    size_t n = raw_count(reply) < NAME_MAX_N ? raw_count(reply) : NAME_MAX_N;
    turn->names.v = ctl_alloc((n + 1) * sizeof(char *));
    for (size_t i = 0; i < n; i++)
        turn->names.v[turn->names.n++] = ctl_copy(raw_span(raw_at(reply, i)));
    turn->known = true;
    if (turn->next >= n)
        turn->next = 0;
    turn->through |= n == 0;
}

static void take_accounts(struct top_feed *f, const char *name, const struct redisReply *reply)
{
    (void)name;
    take_index(&f->accounts, reply);
}

static void take_nodes(struct top_feed *f, const char *name, const struct redisReply *reply)
{
    (void)name;
    take_index(&f->nodes, reply);
    top_state_keep_nodes(f->t, &f->nodes.names);
}

static void take_gateways(struct top_feed *f, const char *name, const struct redisReply *reply)
{
    (void)name;
    take_index(&f->gateways, reply);
    top_state_keep_gateways(f->t, &f->gateways.names);
}

static void take_totals(struct top_feed *f, const char *name, const struct redisReply *reply)
{
    if (!f->t->only[0] || strcmp(f->t->only, name) == 0)
        top_state_totals(f->t, name, reply);
}

static void take_node(struct top_feed *f, const char *name, const struct redisReply *reply)
{
    top_state_node(f->t, name, reply);
}

static void take_health(struct top_feed *f, const char *name, const struct redisReply *reply)
{
    top_state_health(f->t, name, reply);
}

static void take_gateway(struct top_feed *f, const char *name, const struct redisReply *reply)
{
    top_state_gateway(f->t, name, reply);
}

static void take_places(struct top_feed *f, const char *name, const struct redisReply *reply)
{
    top_state_places(f->t, name, raw_int(reply, 0));
}

/* ---- questions ---- */

static void ask_totals(struct top_feed *f, const char *account)
{
    struct key key = key_account(account);
    const char *argv[] = {"FCALL_RO", "call_totals", "1", key.text};
    ask(f, take_totals, account, 4, argv);
}

static void ask_node(struct top_feed *f, const char *node)
{
    struct key key = key_node(node), health = key_node_health(node);
    const char *argv[] = {"HGETALL", key.text}, *of_health[] = {"HGETALL", health.text};
    ask(f, take_node, node, 2, argv);
    ask(f, take_health, node, 2, of_health);
}

/* Places whose lease has ended are free. */
static void ask_gateway(struct top_feed *f, const char *gateway)
{
    char now[24];
    struct key key = key_gateway(gateway), calls = key_gateway_calls(gateway);
    snprintf(now, sizeof now, "%lld", (long long)f->t->now);
    const char *argv[] = {"HMGET", key.text, "status", "capacity"};
    const char *places[] = {"ZCOUNT", calls.text, now, "+inf"};
    ask(f, take_gateway, gateway, 4, argv);
    ask(f, take_places, gateway, 4, places);
}

/* The next `most` of an index have their turn. */
static void ask_some(struct top_feed *f, struct turn *turn, size_t most,
                     void (*one)(struct top_feed *f, const char *name))
{
    size_t n = turn->names.n < most ? turn->names.n : most;
    for (size_t i = 0; i < n; i++) {
        one(f, turn->names.v[turn->next]);
        turn->next = (turn->next + 1) % turn->names.n;
        turn->through |= turn->next == 0;
    }
}

static void ask_accounts(struct top_feed *f)
{
    size_t left = f->all ? FEED_ACCOUNTS_ONCE : FEED_ACCOUNTS;
    if (f->t->only[0]) {
        ask_totals(f, f->t->only);
        f->accounts.through = true;
        return;
    }
    for (struct top_account *a = f->t->accounts; a && left > 0; a = a->hh.next) {
        if (a->hot) {
            ask_totals(f, a->name);
            left--;
        }
    }
    ask_some(f, &f->accounts, left, ask_totals);
    f->accounts.through |= f->all && f->accounts.known;
}

static void ask_indexes(struct top_feed *f)
{
    const char *time[] = {"TIME"}, *accounts[] = {"SMEMBERS", KEY_ACCOUNTS},
               *nodes[] = {"SMEMBERS", KEY_NODES}, *gateways[] = {"SMEMBERS", KEY_GATEWAYS};
    ask(f, take_time, "", 1, time);
    if (f->ticks++ % FEED_INDEX_TICKS != 0 && f->accounts.known)
        return;
    ask(f, take_accounts, "", 2, accounts);
    ask(f, take_nodes, "", 2, nodes);
    ask(f, take_gateways, "", 2, gateways);
}

void top_feed_tick(struct top_feed *f)
{
    if (f->waiting > 0 || !redis_async_is_up(f->commands))
        return;
    if (f->accounts.known) {
        ask_accounts(f);
        ask_some(f, &f->nodes, FEED_NODES, ask_node);
        ask_some(f, &f->gateways, FEED_GATEWAYS, ask_gateway);
    }
    ask_indexes(f);
}

bool top_feed_is_complete(const struct top_feed *f)
{
    return f->accounts.through && f->nodes.through && f->gateways.through && f->listens &&
           f->waiting == 0;
}

void top_feed_restart(struct top_feed *f)
{
    f->accounts.next = 0;
}

/* ---- links ---- */

static void on_commands(void *arg, bool up)
{
    struct top_feed *f = arg;
    if (f->closing)
        return;
    f->t->up = up;
    if (up)
        top_feed_tick(f);
}

static void on_channels(void *arg, bool up)
{
    struct top_feed *f = arg;
    if (!f->closing)
        f->listens = up;
}

static void on_message(void *arg, struct span channel, struct span message)
{
    struct top_feed *f = arg;
    struct event *e = f->closing ? NULL : ctl_event_read(message);
    (void)channel;
    if (e)
        top_state_event(f->t, e);
    ctl_event_free(e);
}

int top_feed_open(struct top_feed **ret, const struct ctl *c, uv_loop_t *loop, struct top *t,
                  bool all)
{
    struct top_feed *f = ctl_alloc(sizeof *f);
    struct redis_settings settings = {
        .address = c->conf.redis.address,
        .user = c->conf.redis.user,
        .password = c->conf.redis.password,
        .timeout_ms = c->conf.redis.timeout_ms,
    };
    f->t = t;
    f->all = all;
    int err = redis_async_open(&f->commands, loop, &settings, on_commands, f);
    if (err == ERR_OK)
        err = redis_async_open(&f->channels, loop, &settings, on_channels, f);
    if (err == ERR_OK)
        err = redis_async_subscribe(f->channels, CHANNEL_CALLS, on_message, f);
    *ret = f;
    return err;
}

void top_feed_close(struct top_feed *f)
{
    if (!f)
        return;
    f->closing = true;
    redis_async_close(f->commands);
    redis_async_close(f->channels);
}

void top_feed_free(struct top_feed *f)
{
    if (!f)
        return;
    ctl_names_free(&f->accounts.names);
    ctl_names_free(&f->nodes.names);
    ctl_names_free(&f->gateways.names);
    free(f);
}
