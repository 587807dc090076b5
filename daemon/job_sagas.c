/* Sagas that a crash left unfinished. One that a request is running right now is run twice:
 * harmless. */
#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "reply.h"

static int resume_all(struct job_run *run, void *arg, const char *account,
                      const struct redisReply *r)
{
    (void)arg;
    struct saga saga = service_saga(&run->policy, run->redis, run->mem, account);
    for (size_t i = 1; i < reply_count(r); i++) {
        int err = saga_resume(&saga, reply_text(r, i));
        if (err == ERR_OK)
            log_info("saga %s of account %s: resumed and done", reply_text(r, i), account);
        else
            log_error("saga %s of account %s: %s", reply_text(r, i), account, err_text(err));
        if (err == ERR_TIMEOUT || err == ERR_UNAVAILABLE)
            return err;
    }
    return ERR_OK;
}

int job_sagas(struct job_run *run)
{
    static const char *const none[] = {NULL};
    struct job_names accounts;
    int err = job_index(run, KEY_ACCOUNTS, &accounts);
    return err == ERR_OK
               ? job_each_account(run, &accounts, "saga_list", true, none, resume_all, NULL)
               : err;
}
