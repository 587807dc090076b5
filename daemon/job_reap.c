/* Calls that nobody will end: those of a sipmod that stopped renewing its heartbeat, those that a
 * restarted one never answered, and those that are older than a call can be. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "num.h"
#include "reply.h"

/* A node is swept at each turn for a while after it restarted or died; then now and then. */
enum {
    SWEEP_TURNS = 30,
    RESTARTED_MS = 10000,
    DEAD_MS = 120000,
    STEP_MAX_MS = 4000, /* most that a turn adds to a node's silence: twice the job's interval */
    MOST_CALLS = 500,
    NODES_MAX = 1024,
};

struct node {
    const char *name;
    const char *boots; /* that are gone, space separated */
    bool dead;         /* the latest boot too: answered calls are closed as well */
    bool forgotten;    /* its record is gone */
    bool due;
    int64_t ended_ms; /* ago; 0: not known */
};

/* How long a node has been silent while we could have heard it: a Redis that was away, or a trunkd
 * that slept, says nothing about a node. */
struct watch {
    char name[KEY_MAX];
    int64_t seen; /* its latest heartbeat, Redis TIME */
    int64_t silent_ms;
};

struct memory {
    bool whole; /* the latest turn read all nodes */
    int64_t turn_ms;
    size_t n;
    struct watch watches[NODES_MAX];
};

static struct watch *watch_of(struct memory *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->watches[i].name, name) == 0)
            return &m->watches[i];
    }
    if (m->n == NODES_MAX)
        m->n = 0; /* names that come and go: start over, which only delays */
    struct watch *w = &m->watches[m->n++];
    *w = (struct watch){.seen = -1};
    snprintf(w->name, sizeof(w->name), "%s", name);
    return w;
}

/* Milliseconds that a node has been silent, up to this turn. */
static int64_t watch_node(struct memory *m, const char *name, int64_t seen, int64_t step_ms)
{
    struct watch *w = watch_of(m, name);
    w->silent_ms = w->seen == seen && m->whole ? w->silent_ms + step_ms : 0;
    w->seen = seen;
    return w->silent_ms;
}

static int64_t field_int(const struct redisReply *r, const char *field)
{
    int64_t v;
    return num_parse(span_of(reply_field(r, 2, field)), 0, INT64_MAX, &v) == ERR_OK ? v : 0;
}

/* Fills in what is to be closed of a node that has a record. */
static int judge(struct job_run *run, const struct redisReply *r, int64_t step_ms,
                 struct node *node)
{
    int64_t now = reply_int(r, 1, 0), seen = field_int(r, "seen");
    int64_t lease_ms = service_lease_s(run->service) * 1000;
    int64_t silent_ms = watch_node(*run->kept, node->name, seen, step_ms);
    const char *past = reply_field(r, 2, "past");
    node->dead = silent_ms > lease_ms;
    if (node->dead) {
        node->boots = scratch_printf(run->mem, "%s %s", reply_field(r, 2, "boot"), past);
        node->due |= silent_ms < lease_ms + DEAD_MS;
        node->ended_ms = now - seen;
    } else {
        node->boots = scratch_text(run->mem, span_of(past));
        node->ended_ms = now - field_int(r, "started");
        node->due |= node->ended_ms < RESTARTED_MS;
    }
    return node->boots ? ERR_OK : ERR_NOMEM;
}

static int read_node(struct job_run *run, const char *name, int64_t step_ms, struct node *ret)
{
    struct redisReply *r = NULL;
    struct node node = {.name = name, .boots = "*", .due = run->turn % SWEEP_TURNS == 0};
    int err = redis_fcall_ro(run->redis, &r, "node_get", key_node(name).text, NULL);
    if (err == ERR_OK)
        err = judge(run, r, step_ms, &node);
    else if (err == ERR_REFUSED)
        node.forgotten = node.dead = node.due = true, err = ERR_OK;
    if (err == ERR_OK)
        *ret = node;
    reply_free(r);
    return err;
}

struct sweep {
    int64_t closed, most; /* in all; of one account */
};

static int count_closed(struct job_run *run, void *arg, const char *account,
                        const struct redisReply *r)
{
    (void)run;
    struct sweep *s = arg;
    int64_t n = reply_int(r, 1, 0);
    if (n > 0)
        log_warn("account %s: %" PRId64 " lost calls closed", account, n);
    s->closed += n;
    if (n > s->most)
        s->most = n;
    return ERR_OK;
}

static int forget(struct job_run *run, const char *node)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(run->redis, &r, "index_remove", KEY_NODES, node, NULL);
    reply_free(r);
    return err;
}

static int sweep(struct job_run *run, const struct job_names *accounts, const struct node *node)
{
    struct sweep s;
    int64_t closed = 0;
    const char *ended =
        node->ended_ms > 0 ? scratch_printf(run->mem, "%" PRId64, node->ended_ms) : "";
    const char *const args[] = {
        node->name, node->boots, scratch_printf(run->mem, "%d", MOST_CALLS), node->dead ? "1" : "",
        ended,      NULL};
    int err;
    do {
        s = (struct sweep){0};
        err = job_each_account(run, accounts, "call_reap", false, args, count_closed, &s);
        closed += s.closed;
    } while (err == ERR_OK && s.most == MOST_CALLS);
    if (err == ERR_OK && node->forgotten && closed == 0)
        err = forget(run, node->name);
    return err;
}

static int reap(struct job_run *run, int64_t step_ms)
{
    struct job_names accounts, nodes;
    int err = job_index(run, KEY_ACCOUNTS, &accounts);
    if (err == ERR_OK)
        err = job_index(run, KEY_NODES, &nodes);
    for (size_t i = 0; err == ERR_OK && i < nodes.count; i++) {
        struct node node = {0};
        err = read_node(run, nodes.items[i], step_ms, &node);
        if (err == ERR_OK && node.due)
            err = sweep(run, &accounts, &node);
    }
    return err;
}

int job_reap(struct job_run *run)
{
    struct memory *m = *run->kept;
    if (!m)
        m = *run->kept = calloc(1, sizeof(*m));
    if (!m)
        return ERR_NOMEM;
    int64_t now = clock_boot_ms(), step_ms = now - m->turn_ms;
    m->turn_ms = now;
    int err = reap(run, step_ms < STEP_MAX_MS ? step_ms : STEP_MAX_MS);
    m->whole = err == ERR_OK;
    return err;
}
