/* Payments and refunds that nobody has settled: the gateway is asked. */
#include <time.h>

#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "payment.h"
#include "reply.h"

static int settle_all(struct job_run *run, void *arg, const char *account,
                      const struct redisReply *r)
{
    struct table t;
    int64_t now_ms = *(int64_t *)arg;
    int err = table_open(r, 1, &t);
    for (size_t row = 0; err == ERR_OK && row < t.rows; row++) {
        struct payment_due due = {
            .account = account,
            .id = table_text(&t, row, "id"),
            .refund = table_text(&t, row, "refund"),
            .gateway = table_text(&t, row, "gateway"),
            .key = table_text(&t, row, "key"),
            .reference = table_text(&t, row, "reference"),
            .amount = table_int(&t, row, "amount", 0),
            .age_ms = now_ms - table_int(&t, row, "created", now_ms),
        };
        int failed = payment_settle(run->service, &due);
        if (failed != ERR_OK)
            log_error("payment %s of account %s: %s", due.id, account, err_text(failed));
        if (failed == ERR_TIMEOUT || failed == ERR_UNAVAILABLE)
            err = failed;
    }
    return err;
}

int job_payments(struct job_run *run)
{
    static const char *const none[] = {NULL};
    struct job_names accounts;
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    int err = job_index(run, KEY_ACCOUNTS, &accounts);
    return err == ERR_OK
               ? job_each_account(run, &accounts, "payment_due", true, none, settle_all, &now_ms)
               : err;
}
