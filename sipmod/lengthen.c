#include "lengthen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hangup.h"
#include "keys.h"
#include "lease.h"

struct question {
    struct core *core;
    size_t waiting; /* replies, one a booking */
    int64_t longest_s;
    char call[RR_CALL];
};

/* `may`: also its place at a gateway is kept for so long. */
static void decide(void *arg, bool may)
{
    struct question *q = arg;
    if (!may || !dialogs_prolong(q->core->dialogs, q->call, q->longest_s))
        (void)hangup_call(q->core, q->call, "longest");
    free(q);
}

static void answered(struct question *q, int64_t longest_s)
{
    struct rr rr;
    if (longest_s < q->longest_s)
        q->longest_s = longest_s;
    if (--q->waiting > 0)
        return;
    if (q->longest_s == 0 || dialogs_rr(q->core->dialogs, q->call, &rr) != ERR_OK)
        decide(q, false);
    else
        lease_renew(q->core, &rr, q->longest_s, decide, q);
}

static void on_reply(void *arg, const struct redisReply *reply, int err)
{
    bool told = err == ERR_OK && reply_check(reply) == ERR_OK;
    answered(arg, told ? reply_int(reply, 1, 0) : 0);
}

void lengthen_call(struct core *core, const char *call)
{
    struct rr rr;
    char longest[24];
    size_t unasked = 0;
    struct question *q = calloc(1, sizeof *q);
    if (!q || dialogs_rr(core->dialogs, call, &rr) != ERR_OK || rr.n_bookings == 0 ||
        !span_copy(span_of(call), q->call, sizeof q->call)) {
        free(q);
        (void)hangup_call(core, call, "longest");
        return;
    }
    q->core = core;
    q->longest_s = core->conf->sip.longest_call_s;
    q->waiting = rr.n_bookings;
    snprintf(longest, sizeof longest, "%" PRId64, q->longest_s);
    for (size_t i = 0; i < rr.n_bookings; i++) {
        const struct rr_booking *b = &rr.bookings[i];
        const char *args[] = {b->call, longest};
        if (store_call(core->store, on_reply, q, "call_lengthen", key_account(b->account).text, 2,
                       args) != ERR_OK)
            unasked++;
    }
    if (unasked > 0)
        q->longest_s = 0;
    q->waiting -= unasked;
    if (q->waiting == 0)
        decide(q, false);
}
