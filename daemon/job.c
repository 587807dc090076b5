#include "job.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "reply.h"
#include "tally.h"

enum { TICK_S = 1, BATCH = 100, RENEW_MS = 2000 };
#define LEASE_MS "10000" /* a long run renews it; after a death others go on so soon */

/* Jobs of one pace share a thread. */
enum pace {
    QUICK,
    SLOW,     /* may wait for others than Redis */
    WEBHOOKS, /* waits for strangers */
    PACES,
};

static const struct {
    const char *name;
    int64_t interval_s;
    job_fn *run;
    enum pace pace;
    void (*lost)(struct service *service); /* it failed, or another trunkd has it; or NULL */
} table[] = {
    {"expire",   1,  job_expire,   QUICK,    NULL            },
    {"sagas",    2,  job_sagas,    QUICK,    NULL            },
    {"reap",     2,  job_reap,     QUICK,    NULL            },
    {"ports",    1,  job_ports,    QUICK,    NULL            },
    {"archive",  2,  job_archive,  SLOW,     NULL            },
    {"audit",    10, job_audit,    SLOW,     NULL            },
    {"extend",   2,  job_extend,   QUICK,    NULL            },
    {"leases",   2,  job_leases,   QUICK,    NULL            },
    {"payments", 2,  job_payments, SLOW,     NULL            },
    {"fees",     20, job_fees,     SLOW,     NULL            },
    {"invoices", 20, job_invoices, SLOW,     NULL            },
    {"webhooks", 1,  job_webhooks, WEBHOOKS, NULL            },
    {"metrics",  5,  job_metrics,  SLOW,     job_metrics_lost},
};
enum { JOBS = sizeof(table) / sizeof(*table) };

struct jobs {
    struct service *service;
    struct worker {
        struct jobs *jobs;
        enum pace pace;
        pthread_t thread;
        bool started;
    } workers[PACES];
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    int64_t turns[JOBS];
    void *kept[JOBS]; /* what a job keeps between its runs */
};

const char *job_name(size_t i)
{
    return i < JOBS ? table[i].name : NULL;
}

int job_index(struct job_run *run, const char *index, struct job_names *ret)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(run->redis, &r, "index_list", index, NULL);
    if (err == ERR_OK) {
        size_t count = reply_count(r) - 1;
        struct job_names names = {scratch_array(run->mem, count, sizeof(*names.items)), count};
        for (size_t i = 0; names.items && i < count; i++)
            names.items[i] = scratch_text(run->mem, reply_span(r, i + 1));
        if (names.items && (!count || names.items[count - 1]))
            *ret = names;
        else
            err = ERR_NOMEM;
    }
    reply_free(r);
    return err;
}

static void prepare(struct cmd *c, const char *function, bool ro, const char *account,
                    const char *const args[])
{
    struct key key = key_account(account);
    if (ro)
        cmd_fcall_ro(c, function, key.text);
    else
        cmd_fcall(c, function, key.text);
    for (size_t i = 0; args[i]; i++)
        cmd_text(c, args[i]);
}

static int handle(struct job_run *run, const char *account, const struct redisReply *r,
                  job_reply_fn *fn, void *arg)
{
    int err = reply_check(r);
    if (err == ERR_REFUSED)
        return ERR_OK;
    return err == ERR_OK ? fn(run, arg, account, r) : err;
}

static int each_of_batch(struct job_run *run, const char *const accounts[], size_t count,
                         const char *function, bool ro, const char *const args[], job_reply_fn *fn,
                         void *arg)
{
    struct cmd cmds[BATCH] = {0};
    struct redisReply *replies[BATCH] = {0};
    for (size_t i = 0; i < count; i++)
        prepare(&cmds[i], function, ro, accounts[i], args);
    int err = redis_pipeline(run->redis, cmds, count, replies);
    for (size_t i = 0; i < count; i++) {
        if (err == ERR_OK)
            err = handle(run, accounts[i], replies[i], fn, arg);
        reply_free(replies[i]);
        cmd_free(&cmds[i]);
    }
    return err;
}

int job_each_account(struct job_run *run, const struct job_names *accounts, const char *function,
                     bool ro, const char *const args[], job_reply_fn *fn, void *arg)
{
    int err = ERR_OK;
    for (size_t from = 0; from < accounts->count && err == ERR_OK; from += BATCH) {
        size_t rest = accounts->count - from;
        err = each_of_batch(run, accounts->items + from, rest < BATCH ? rest : BATCH, function, ro,
                            args, fn, arg);
    }
    return err;
}

/* ERR_REFUSED: another trunkd has it. */
static int lock_call(struct jobs *j, const char *function, const char *name, const char *lease)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(service_redis(j->service), &r, function, key_job(name).text,
                          service_owner(j->service), lease, NULL);
    reply_free(r);
    return err;
}

bool job_goes_on(struct job_run *run)
{
    struct jobs *j = run->jobs;
    pthread_mutex_lock(&j->lock);
    bool stop = j->stop;
    pthread_mutex_unlock(&j->lock);
    if (stop || clock_boot_ms() - run->locked_ms < RENEW_MS)
        return !stop;
    run->locked_ms = clock_boot_ms();
    return lock_call(j, "lock_take", table[run->index].name, LEASE_MS) == ERR_OK;
}

static int run_counted(struct jobs *j, size_t i, struct job_run *run)
{
    int64_t began_us = clock_boot_us();
    j->turns[i]++;
    int err = table[i].run(run);
    bool done = (err == ERR_OK || err == ERR_REFUSED) && !run->trouble;
    tally_job(service_tally(j->service), table[i].name, done ? TALLY_DONE : TALLY_FAILED,
              clock_boot_us() - began_us, table[i].interval_s);
    return err;
}

static void run_job(struct jobs *j, size_t i)
{
    struct scratch mem = {0};
    struct job_run run = {.redis = service_redis(j->service),
                          .service = j->service,
                          .mem = &mem,
                          .kept = &j->kept[i],
                          .turn = j->turns[i],
                          .jobs = j,
                          .index = i,
                          .locked_ms = clock_boot_ms()};
    service_policy_get(j->service, &run.policy);
    int err = lock_call(j, "lock_take", table[i].name, LEASE_MS);
    tally_leader(service_tally(j->service), table[i].name, err == ERR_OK);
    if (err == ERR_OK)
        err = run_counted(j, i, &run);
    if (err != ERR_OK && table[i].lost)
        table[i].lost(j->service);
    if (err != ERR_OK && err != ERR_REFUSED)
        log_warn("job %s: %s", table[i].name, err_text(err));
    scratch_clear(&mem);
}

/* Sleeps a tick. False: stop. */
static bool wait_tick(struct jobs *j)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TICK_S;
    pthread_mutex_lock(&j->lock);
    while (!j->stop && pthread_cond_timedwait(&j->wake, &j->lock, &until) == 0)
        continue;
    bool go = !j->stop;
    pthread_mutex_unlock(&j->lock);
    return go;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    int64_t tick = 0;
    do {
        for (size_t i = 0; i < JOBS; i++) {
            if (table[i].pace == w->pace && tick % table[i].interval_s == 0)
                run_job(w->jobs, i);
        }
        tick++;
    } while (wait_tick(w->jobs));
    return NULL;
}

static void jobs_free(struct jobs *j)
{
    for (size_t i = 0; i < JOBS; i++)
        free(j->kept[i]);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

int job_start(struct jobs **ret, struct service *service)
{
    struct jobs *j = calloc(1, sizeof(*j));
    if (!j)
        return ERR_NOMEM;
    j->service = service;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&j->lock, NULL);
    for (size_t i = 0; i < PACES; i++) {
        struct worker *w = &j->workers[i];
        *w = (struct worker){.jobs = j, .pace = (enum pace)i};
        w->started = pthread_create(&w->thread, NULL, work, w) == 0;
        if (!w->started) {
            job_stop(j);
            return ERR_SYSTEM;
        }
    }
    *ret = j;
    return ERR_OK;
}

void job_stop(struct jobs *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    pthread_cond_broadcast(&j->wake);
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; i < PACES; i++) {
        if (j->workers[i].started)
            pthread_join(j->workers[i].thread, NULL);
    }
    for (size_t i = 0; i < JOBS; i++) {
        int err = lock_call(j, "lock_drop", table[i].name, NULL);
        if (err != ERR_OK && err != ERR_REFUSED)
            log_debug("job %s: lock not dropped: %s", table[i].name, err_text(err));
    }
    jobs_free(j);
}
