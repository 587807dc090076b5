/* The invoice of the month past, for each account once. */
#include <errno.h>

#include "invoice.h"
#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "reply.h"

static int make(struct job_run *run, void *arg, const char *account, const struct redisReply *r)
{
    struct scratch mem = {0};
    struct invoice_place place;
    (void)arg;
    if (strcmp(reply_text(r, 2), "due") != 0)
        return ERR_OK;
    int err = invoice_make(run->redis, service_conf(run->service), &mem, account, reply_text(r, 1),
                           &place);
    if (err == ERR_OK)
        log_info("invoice %s: %zu pages", place.file, place.pages);
    else
        log_error("invoice %s of account %s: %s", reply_text(r, 1), account,
                  err == ERR_SYSTEM ? strerror(errno) : err_text(err));
    scratch_clear(&mem);
    return err == ERR_TIMEOUT || err == ERR_UNAVAILABLE ? err : ERR_OK;
}

int job_invoices(struct job_run *run)
{
    static const char *const none[] = {NULL};
    struct job_names accounts;
    int err = job_index(run, KEY_ACCOUNTS, &accounts);
    return err == ERR_OK ? job_each_account(run, &accounts, "invoice_due", true, none, make, NULL)
                         : err;
}
