/* Money of calls that last: the next slice for each whose latest is nearly used up. */
#include <inttypes.h>

#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "reply.h"

/* A slice is added so long before it is needed: a trunkd that is killed must be missed by another
 * or by its own restart before calls go on unpaid. */
#define MARGIN_MS "15000"
#define MOST      "1000"

static int count_ended(struct job_run *run, void *arg, const char *account,
                       const struct redisReply *r)
{
    (void)run;
    (void)arg;
    int64_t ended = reply_int(r, 2, 0);
    if (ended > 0)
        log_warn("account %s: %" PRId64 " calls ended, the balance is used up", account, ended);
    return ERR_OK;
}

int job_extend(struct job_run *run)
{
    static const char *const args[] = {MARGIN_MS, MOST, NULL};
    struct job_names accounts;
    int err = job_index(run, KEY_ACCOUNTS, &accounts);
    return err == ERR_OK
               ? job_each_account(run, &accounts, "call_extend", false, args, count_ended, NULL)
               : err;
}
