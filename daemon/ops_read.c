#include "ops_read.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "job.h"
#include "keys.h"
#include "num.h"
#include "ops_redis.h"

/* Of accounts, those with calls come first; the others have their turn. Redis works a batch off in
 * one go, and calls wait as long. */
enum { BATCH = 10, HOT_MOST = 300, SWEEP = 100 };
enum { NAMES_MOST = 200, LIST_EVERY = 5, DOWN_SHOWN = 30, UP_SHOWN = 10 };

static int ask_list(struct redis_pool *redis, const char *index, struct redisReply **ret)
{
    return redis_fcall_ro(redis, ret, "index_list", index, NULL);
}

static int read_list(struct ops_board *b, struct redis_pool *redis)
{
    struct redisReply *r = NULL;
    int err = ask_list(redis, KEY_ACCOUNTS, &r);
    if (err == ERR_OK)
        err = ops_board_list(b, r);
    reply_free(r);
    return err;
}

/* ---- accounts ---- */

struct choice {
    struct ops_account *accounts[HOT_MOST + SWEEP];
    size_t n;
};

/* The next ones in turn, and those with calls, from another place each time. */
static void choose(struct ops_board *b, struct choice *c)
{
    size_t sweep = b->account_n < SWEEP ? b->account_n : SWEEP;
    for (size_t i = 0; i < sweep; i++)
        c->accounts[c->n++] = b->accounts[(b->cursor + i) % b->account_n];
    for (size_t i = sweep; i < b->account_n && c->n < HOT_MOST + SWEEP; i++) {
        struct ops_account *a = b->accounts[(b->cursor + i) % b->account_n];
        if (a->live > 0 || a->rate > 0)
            c->accounts[c->n++] = a;
    }
    b->cursor = b->account_n ? (b->cursor + sweep) % b->account_n : 0;
}

static int take(struct ops_board *b, struct ops_account *a, const struct redisReply *r)
{
    int err = reply_check(r);
    if (err == ERR_REFUSED)
        return ERR_OK; /* closed meanwhile */
    return err == ERR_OK ? ops_board_take(b, a, r, clock_boot_us()) : err;
}

static int read_batch(struct ops_board *b, struct redis_pool *redis,
                      struct ops_account *const accounts[], size_t n)
{
    struct cmd cmds[BATCH] = {0};
    struct redisReply *replies[BATCH] = {0};
    for (size_t i = 0; i < n; i++)
        cmd_fcall_ro(&cmds[i], "call_totals", key_account(accounts[i]->name).text);
    int err = redis_pipeline(redis, cmds, n, replies);
    for (size_t i = 0; i < n; i++) {
        if (err == ERR_OK)
            err = take(b, accounts[i], replies[i]);
        reply_free(replies[i]);
        cmd_free(&cmds[i]);
    }
    return err;
}

static int read_accounts(struct ops_board *b, struct redis_pool *redis)
{
    struct choice c = {0};
    int err = ERR_OK;
    choose(b, &c);
    for (size_t from = 0; from < c.n && err == ERR_OK; from += BATCH) {
        size_t rest = c.n - from;
        err = read_batch(b, redis, c.accounts + from, rest < BATCH ? rest : BATCH);
    }
    return err;
}

/* ---- members of an index ---- */

/* Adds to the list what one member is told by its replies. */
typedef void member_fn(json_t *list, const char *name, const struct redisReply *const replies[]);
/* Makes a member's commands. */
typedef void member_cmds(const char *name, int64_t now_ms, struct cmd cmds[]);

static int read_members(struct redis_pool *redis, const struct redisReply *names, size_t each,
                        member_cmds *make, member_fn *fn, int64_t now_ms, json_t *list)
{
    size_t n = reply_count(names) - 1;
    n = n < NAMES_MOST ? n : NAMES_MOST;
    struct cmd *cmds = calloc(n * each + 1, sizeof(*cmds));
    struct redisReply **replies = calloc(n * each + 1, sizeof(*replies));
    int err = cmds && replies ? ERR_OK : ERR_NOMEM;
    for (size_t i = 0; err == ERR_OK && i < n; i++)
        make(reply_text(names, i + 1), now_ms, &cmds[i * each]);
    if (err == ERR_OK && n)
        err = redis_pipeline(redis, cmds, n * each, replies);
    for (size_t i = 0; err == ERR_OK && i < n; i++)
        fn(list, reply_text(names, i + 1), (const struct redisReply *const *)&replies[i * each]);
    for (size_t i = 0; cmds && replies && i < n * each; i++) {
        reply_free(replies[i]);
        cmd_free(&cmds[i]);
    }
    free(cmds);
    free((void *)replies);
    return err;
}

static int read_index(struct ops_board *b, enum ops_part part, struct redis_pool *redis,
                      const char *index, size_t each, member_cmds *make, member_fn *fn,
                      int64_t now_ms)
{
    struct redisReply *names = NULL;
    json_t *list = json_array();
    int err = list ? ask_list(redis, index, &names) : ERR_NOMEM;
    if (err == ERR_OK)
        err = read_members(redis, names, each, make, fn, now_ms, list);
    reply_free(names);
    if (err == ERR_OK)
        ops_board_part(b, part, list);
    else
        json_decref(list);
    return err;
}

static void ask_node(const char *name, int64_t now_ms, struct cmd cmds[])
{
    (void)now_ms;
    cmd_fcall_ro(&cmds[0], "node_get", key_node(name).text);
    cmd_text(&cmds[1], "HGETALL");
    cmd_text(&cmds[1], key_node_health(name).text);
}

static int64_t field_int(const struct redisReply *r, size_t from, const char *field,
                         int64_t otherwise)
{
    int64_t n;
    struct span text = span_of(reply_field(r, from, field));
    return num_parse(text, 0, INT64_MAX, &n) == ERR_OK ? n : otherwise;
}

/* "STATE SINCE_MS WHY" of a next hop. */
static json_t *target_of(const char *target, struct span text)
{
    struct span state, since;
    int64_t ms = 0;
    if (!span_cut(&text, ' ', &state) || !span_cut(&text, ' ', &since) ||
        num_parse(since, 0, INT64_MAX, &ms) != ERR_OK)
        return NULL;
    return json_pack("{s:s s:s% s:I s:s%}", "target", target, "state", state.p, state.n, "since",
                     (json_int_t)ms, "why", text.n ? text.p : "", text.n);
}

/* What a node's health tells: its calls, and next hops, those that are down before all others. */
static void tell_health(json_t *node, const struct redisReply *r)
{
    json_t *up = json_array(), *down = json_array();
    for (size_t i = 0; i + 1 < raw_count(r); i += 2) {
        const char *field = raw_text(raw_at(r, i));
        struct span value = raw_span(raw_at(r, i + 1));
        int64_t number;
        bool target = strchr(field, ' ') != NULL, is_down = value.n && value.p[0] == 'd';
        json_t *list = is_down ? down : up;
        if (target && json_array_size(list) < (is_down ? DOWN_SHOWN : UP_SHOWN))
            json_array_append_new(list, target_of(field, value));
        else if (!target && num_parse(value, 0, INT64_MAX, &number) == ERR_OK)
            json_object_set_new(node, field, json_integer(number));
    }
    json_array_extend(down, up);
    json_decref(up);
    json_object_set_new(node, "targets", down);
}

static void tell_node(json_t *list, const char *name, const struct redisReply *const replies[])
{
    const struct redisReply *r = replies[0];
    if (reply_check(r) != ERR_OK)
        return;
    int64_t now = reply_int(r, 1, 0);
    json_t *node = json_pack("{s:s s:s s:s s:I s:I}", "node", name, "address",
                             reply_field(r, 2, "address"), "version", reply_field(r, 2, "version"),
                             "silent_ms", (json_int_t)(now - field_int(r, 2, "seen", 0)), "up_ms",
                             (json_int_t)(now - field_int(r, 2, "started", now)));
    if (node)
        tell_health(node, replies[1]);
    json_array_append_new(list, node);
}

static void ask_gateway(const char *name, int64_t now_ms, struct cmd cmds[])
{
    cmd_fcall_ro(&cmds[0], "gateway_get", key_gateway(name).text);
    cmd_text(&cmds[1], "ZCOUNT");
    cmd_text(&cmds[1], key_gateway_calls(name).text);
    cmd_int(&cmds[1], now_ms);
    cmd_text(&cmds[1], "+inf");
}

static json_t *limit_of(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

static void tell_gateway(json_t *list, const char *name, const struct redisReply *const replies[])
{
    const struct redisReply *r = replies[0];
    if (reply_check(r) != ERR_OK)
        return;
    json_array_append_new(
        list,
        json_pack("{s:s s:s s:s s:s s:I s:o s:o s:s}", "name", name, "host",
                  reply_field(r, 1, "host"), "port", reply_field(r, 1, "port"), "transport",
                  reply_field(r, 1, "transport"), "busy", (json_int_t)raw_int(replies[1], 0),
                  "capacity", limit_of(field_int(r, 1, "capacity", -1)), "cps",
                  limit_of(field_int(r, 1, "cps", -1)), "status", reply_field(r, 1, "status")));
}

static void ask_hooks(const char *name, int64_t now_ms, struct cmd cmds[])
{
    (void)now_ms;
    cmd_fcall_ro(&cmds[0], "hook_list", key_account(name).text);
}

static void tell_hooks(json_t *list, const char *name, const struct redisReply *const replies[])
{
    struct table t;
    if (reply_check(replies[0]) != ERR_OK || table_open(replies[0], 1, &t) != ERR_OK)
        return;
    for (size_t i = 0; i < t.rows; i++)
        json_array_append_new(list, json_pack("{s:s s:s s:s s:s s:I s:I s:I s:s}", "account", name,
                                              "hook", table_text(&t, i, "id"), "url",
                                              table_text(&t, i, "url"), "status",
                                              table_text(&t, i, "status"), "waiting",
                                              (json_int_t)table_int(&t, i, "waiting", 0), "dead",
                                              (json_int_t)table_int(&t, i, "dead", 0), "tries",
                                              (json_int_t)table_int(&t, i, "tries", 0), "failure",
                                              table_text(&t, i, "failure")));
}

/* ---- jobs ---- */

static int read_jobs(struct ops_board *b, struct service *s)
{
    enum { MOST = 32 };
    struct cmd cmds[MOST] = {0};
    struct redisReply *replies[MOST] = {0};
    size_t n = 0;
    while (n < MOST && job_name(n)) {
        cmd_text(&cmds[n], "GET");
        cmd_text(&cmds[n], key_job(job_name(n)).text);
        n++;
    }
    int err = redis_pipeline(service_redis(s), cmds, n, replies);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const char *owner = err == ERR_OK ? raw_text(replies[i]) : "";
        json_array_append_new(list, json_pack("{s:s s:s s:b}", "job", job_name(i), "owner", owner,
                                              "here", strcmp(owner, service_owner(s)) == 0));
        reply_free(replies[i]);
        cmd_free(&cmds[i]);
    }
    if (err == ERR_OK)
        ops_board_part(b, OPS_JOBS, list);
    else
        json_decref(list);
    return err;
}

/* ---- a reading ---- */

typedef int part_fn(struct ops_board *b, struct service *s, int64_t now_ms);

static int read_redis(struct ops_board *b, struct service *s, int64_t now_ms)
{
    (void)now_ms;
    json_t *value = NULL;
    int err = ops_redis(service_redis(s), &value);
    if (err == ERR_OK)
        ops_board_part(b, OPS_REDIS, value);
    return err;
}

static int read_nodes(struct ops_board *b, struct service *s, int64_t now_ms)
{
    return read_index(b, OPS_NODES, service_redis(s), KEY_NODES, 2, ask_node, tell_node, now_ms);
}

static int read_gateways(struct ops_board *b, struct service *s, int64_t now_ms)
{
    return read_index(b, OPS_GATEWAYS, service_redis(s), KEY_GATEWAYS, 2, ask_gateway, tell_gateway,
                      now_ms);
}

static int read_webhooks(struct ops_board *b, struct service *s, int64_t now_ms)
{
    return read_index(b, OPS_WEBHOOKS, service_redis(s), KEY_HOOKS, 1, ask_hooks, tell_hooks,
                      now_ms);
}

static int read_job_locks(struct ops_board *b, struct service *s, int64_t now_ms)
{
    (void)now_ms;
    return read_jobs(b, s);
}

static const struct {
    part_fn *read;
    int64_t every; /* readings */
} parts[] = {
    {read_redis,     2 },
    {read_nodes,     2 },
    {read_gateways,  2 },
    {read_job_locks, 5 },
    {read_webhooks,  10},
};

static int64_t wall_ms(struct redis_pool *redis, int *ret_err)
{
    struct cmd c = {0};
    struct redisReply *r = NULL;
    int64_t s = 0, us = 0;
    cmd_text(&c, "TIME");
    *ret_err = redis_raw(redis, &c, &r);
    if (*ret_err == ERR_OK && (num_parse(raw_span(raw_at(r, 0)), 0, INT64_MAX, &s) != ERR_OK ||
                               num_parse(raw_span(raw_at(r, 1)), 0, INT64_MAX, &us) != ERR_OK))
        *ret_err = ERR_PROTOCOL;
    reply_free(r);
    cmd_free(&c);
    return s * 1000 + us / 1000;
}

int ops_read(struct ops_board *b, struct service *service, int64_t turn)
{
    struct redis_pool *redis = service_redis(service);
    int err = ERR_OK;
    int64_t began_us = clock_boot_us(), now_ms = wall_ms(redis, &err);
    b->trip_us = clock_boot_us() - began_us;
    if (err == ERR_OK)
        ops_board_step(b, now_ms);
    if (err == ERR_OK && turn % LIST_EVERY == 0)
        err = read_list(b, redis);
    if (err == ERR_OK)
        err = read_accounts(b, redis);
    for (size_t i = 0; err == ERR_OK && i < sizeof(parts) / sizeof(*parts); i++) {
        if (turn % parts[i].every == 0)
            err = parts[i].read(b, service, now_ms);
    }
    b->up = err == ERR_OK;
    b->trouble = b->up ? NULL : err_text(err);
    return err == ERR_NOMEM ? err : ERR_OK;
}
