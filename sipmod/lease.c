#include "lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys.h"
#include "log.h"

enum { SETUP_S = 900 }; /* beyond the longest duration: ringing at one target after another */

struct question {
    lease_fn *fn;
    void *arg;
};

static void on_reply(void *arg, const struct redisReply *reply, int err)
{
    struct question *q = arg;
    q->fn(q->arg, err == ERR_OK && reply_check(reply) == ERR_OK);
    free(q);
}

static int ask(struct core *core, struct question *q, const char *gateway, const char *account,
               const char *call, int64_t longest_s)
{
    char ms[24];
    const char *args[] = {account, call, ms};
    snprintf(ms, sizeof ms, "%" PRId64, (longest_s + SETUP_S) * 1000);
    return store_call(core->store, on_reply, q, "gateway_take", key_gateway(gateway).text, 3, args);
}

void lease_take(struct core *core, const char *gateway, const char *account, const char *call,
                int64_t longest_s, lease_fn *fn, void *arg)
{
    struct question *q = malloc(sizeof *q);
    if (q)
        *q = (struct question){fn, arg};
    if (q && ask(core, q, gateway, account, call, longest_s) == ERR_OK)
        return;
    free(q);
    fn(arg, false);
}

static void on_dropped(void *arg, const struct redisReply *reply, int err)
{
    (void)arg;
    if (err != ERR_OK || reply_check(reply) != ERR_OK)
        log_debug("a gateway's place was not given back: %s", err_text(err));
}

void lease_drop(struct core *core, const char *gateway, const char *account, const char *call)
{
    const char *args[] = {account, call};
    int err = store_call(core->store, on_dropped, NULL, "gateway_drop", key_gateway(gateway).text,
                         2, args);
    if (err != ERR_OK)
        log_debug("a gateway's place was not given back: %s", err_text(err));
}

void lease_renew(struct core *core, const struct rr *rr, int64_t longest_s, lease_fn *fn, void *arg)
{
    const struct rr_booking *last = &rr->bookings[rr->n_bookings - 1];
    if (rr->gateway[0])
        lease_take(core, rr->gateway, last->account, last->call, longest_s, fn, arg);
    else
        fn(arg, true);
}

void lease_end(struct core *core, const struct rr *rr)
{
    const struct rr_booking *last = &rr->bookings[rr->n_bookings - 1];
    if (rr->gateway[0])
        lease_drop(core, rr->gateway, last->account, last->call);
}
