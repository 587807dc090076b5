/* Port-in orders whose FOC time has come. */
#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "port_saga.h"
#include "reply.h"

static void report(const char *account, const char *order, int err, enum port_switch result)
{
    if (err != ERR_OK)
        log_error("port order %s of account %s: %s", order, account, err_text(err));
    else if (result == PORT_SWITCHED)
        log_info("port order %s of account %s: its numbers are in service", order, account);
    else if (result == PORT_IN_SERVICE)
        log_warn("port order %s of account %s: a number is in service here already", order,
                 account);
}

static int switch_all(struct job_run *run, void *arg, const char *account,
                      const struct redisReply *r)
{
    (void)arg;
    struct saga saga = service_saga(&run->policy, run->redis, run->mem, account);
    for (size_t i = 1; i < reply_count(r); i++) {
        enum port_switch result;
        int err = port_saga_switch(&saga, reply_text(r, i), "System", false, &result);
        report(account, reply_text(r, i), err, result);
        if (err == ERR_TIMEOUT || err == ERR_UNAVAILABLE)
            return err;
    }
    return ERR_OK;
}

int job_ports(struct job_run *run)
{
    static const char *const none[] = {NULL};
    struct job_names accounts;
    int err = job_index(run, KEY_ACCOUNTS, &accounts);
    return err == ERR_OK
               ? job_each_account(run, &accounts, "port_due", true, none, switch_all, NULL)
               : err;
}
