/* Calls that nobody will end: those of a sipmod that stopped renewing its heartbeat, and those that
 * are older than a call can be. */
#include <inttypes.h>
#include <stdlib.h>

#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "reply.h"

/* A dead node is swept at each turn for a while; the others now and then, for calls of earlier
 * starts. */
enum { SWEEP_TURNS = 30, FRESH_MS = 120000 };
#define MOST_CALLS "100"

struct node {
    const char *name, *boot; /* boot "": nothing of it is alive */
    int64_t silent_ms;       /* 0: alive, or not known */
    bool forgotten;          /* its record is gone */
    bool due;
};

static int read_node(struct job_run *run, const char *name, struct node *ret)
{
    struct redisReply *r = NULL;
    int64_t lease_ms = service_lease_s(run->service) * 1000;
    int err = redis_fcall_ro(run->redis, &r, "node_get", key_node(name).text, NULL);
    struct node node = {.name = name, .boot = "", .due = run->turn % SWEEP_TURNS == 0};
    if (err == ERR_REFUSED) {
        node.forgotten = node.due = true;
        err = ERR_OK;
    } else if (err == ERR_OK) {
        int64_t silent_ms = reply_int(r, 1, 0) - strtoll(reply_field(r, 2, "seen"), NULL, 10);
        bool alive = silent_ms <= lease_ms;
        node.due |= !alive && silent_ms < lease_ms + FRESH_MS;
        node.silent_ms = alive ? 0 : silent_ms;
        if (alive)
            node.boot = scratch_text(run->mem, span_of(reply_field(r, 2, "boot")));
        err = node.boot ? ERR_OK : ERR_NOMEM;
    }
    if (err == ERR_OK)
        *ret = node;
    reply_free(r);
    return err;
}

static int count_closed(struct job_run *run, void *arg, const char *account,
                        const struct redisReply *r)
{
    (void)run;
    int64_t *closed = arg, n = reply_int(r, 1, 0);
    if (n > 0)
        log_warn("account %s: %" PRId64 " lost calls closed", account, n);
    *closed += n;
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
    int64_t closed = 0;
    const char *setup = scratch_printf(run->mem, "%" PRId64, service_setup_ms(run->service));
    const char *silent =
        node->silent_ms ? scratch_printf(run->mem, "%" PRId64, node->silent_ms) : "";
    const char *const args[] = {node->name, node->boot, MOST_CALLS, setup, silent, NULL};
    int err = job_each_account(run, accounts, "call_reap", false, args, count_closed, &closed);
    if (err == ERR_OK && node->forgotten && closed == 0)
        err = forget(run, node->name);
    return err;
}

int job_reap(struct job_run *run)
{
    struct job_names accounts, nodes;
    int err = job_index(run, KEY_ACCOUNTS, &accounts);
    if (err == ERR_OK)
        err = job_index(run, KEY_NODES, &nodes);
    for (size_t i = 0; err == ERR_OK && i < nodes.count; i++) {
        struct node node = {0};
        err = read_node(run, nodes.items[i], &node);
        if (err == ERR_OK && node.due)
            err = sweep(run, &accounts, &node);
    }
    return err;
}
