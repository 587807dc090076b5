/* Places at gateways that a sipmod took and can't give back: it was killed, or Redis was away then.
 */
#include <inttypes.h>

#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "reply.h"

enum { BATCH = 200 };

/* Calls of one account that have a place at one gateway. */
struct batch {
    const char *gateway, *account;
    size_t n;
    const char *calls[BATCH];
};

static int drop(struct job_run *run, const struct batch *b, const char *call)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(run->redis, &r, "gateway_drop", key_gateway(b->gateway).text, b->account,
                          call, NULL);
    reply_free(r);
    return err;
}

/* A call takes its place once it is live, so one that is not live has no use for it. */
static int drop_gone(struct job_run *run, const struct batch *b)
{
    struct cmd cmd = {0};
    struct redisReply *r = NULL;
    cmd_fcall_ro(&cmd, "call_gone", key_account(b->account).text);
    for (size_t i = 0; i < b->n; i++)
        cmd_text(&cmd, b->calls[i]);
    int err = redis_send(run->redis, &cmd, &r);
    for (size_t i = 1; err == ERR_OK && i < reply_count(r); i++)
        err = drop(run, b, reply_text(r, i));
    if (err == ERR_OK && reply_count(r) > 1)
        log_warn("gateway %s: %zu places of calls that are over given back", b->gateway,
                 reply_count(r) - 1);
    reply_free(r);
    cmd_free(&cmd);
    return err;
}

static int look_at(struct job_run *run, const char *gateway)
{
    struct redisReply *r = NULL;
    struct batch b = {.gateway = gateway};
    struct table t = {0};
    int err = redis_fcall_ro(run->redis, &r, "gateway_calls", key_gateway(gateway).text, NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    for (size_t i = 0; err == ERR_OK && i < t.rows; i++) {
        const char *account = table_text(&t, i, "account");
        if (b.n == BATCH || (b.n > 0 && strcmp(account, b.account) != 0)) {
            err = drop_gone(run, &b);
            b.n = 0;
        }
        b.account = account;
        b.calls[b.n++] = table_text(&t, i, "call");
    }
    if (err == ERR_OK && b.n > 0)
        err = drop_gone(run, &b);
    reply_free(r);
    return err;
}

int job_leases(struct job_run *run)
{
    struct job_names gateways;
    int err = job_index(run, KEY_GATEWAYS, &gateways);
    for (size_t i = 0; err == ERR_OK && i < gateways.count; i++)
        err = look_at(run, gateways.items[i]);
    return err;
}
