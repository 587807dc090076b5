/* Monthly fees of numbers, on each account's day. */
#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "reply.h"

/* A month was booked: there may be another to catch up with. */
static int charge_on(struct job_run *run, void *arg, const char *account,
                     const struct redisReply *r)
{
    struct redisReply *next = NULL;
    (void)arg;
    int err = ERR_OK;
    log_info("account %s: fees of %s: %s numbers, %s, tax %s", account, reply_text(r, 1),
             reply_text(r, 2), reply_text(r, 3), reply_text(r, 4));
    while (err == ERR_OK) {
        reply_free(next);
        next = NULL;
        err = redis_fcall(run->redis, &next, "fee_charge", key_account(account).text, NULL);
    }
    reply_free(next);
    return err == ERR_REFUSED ? ERR_OK : err;
}

int job_fees(struct job_run *run)
{
    static const char *const none[] = {NULL};
    struct job_names accounts;
    int err = job_index(run, KEY_ACCOUNTS, &accounts);
    return err == ERR_OK
               ? job_each_account(run, &accounts, "fee_charge", false, none, charge_on, NULL)
               : err;
}
