/* What the jobs share: one run of a job, and the walk over all accounts. */
#ifndef TRUNKLINE_JOB_PRIVATE_H
#define TRUNKLINE_JOB_PRIVATE_H

#include "redis.h"
#include "scratch.h"
#include "service.h"

struct job_run {
    struct redis_pool *redis;
    struct service *service;
    service_policy policy;
    struct scratch *mem; /* of this run */
    int64_t turn;        /* runs of this job before */
    bool trouble;        /* it is told already that not all went well */
    void **kept;         /* what this job keeps between its runs: NULL at first, freed by free() */
    struct jobs *jobs;
    size_t index; /* of this job */
    int64_t locked_ms;
};

typedef int job_fn(struct job_run *run);
job_fn job_expire, job_sagas, job_reap, job_payments, job_fees, job_invoices, job_ports, job_extend;
job_fn job_archive, job_audit, job_leases, job_webhooks, job_metrics;

/* For a job that takes long: renews its lock now and then. False: the program stops, or another
 * trunkd has taken over. */
bool job_goes_on(struct job_run *run);

/* job_metrics didn't go well, or another trunkd has it now. */
void job_metrics_lost(struct service *service);

/* Texts of a set that index_list reads; items live in run->mem. */
struct job_names {
    const char **items;
    size_t count;
};
MUST_CHECK int job_index(struct job_run *run, const char *index, struct job_names *ret);

/* Sends a function to the keys of many accounts, pipelined, and hands each reply that is ok to
 * `fn`. args: texts up to NULL. ro: FCALL_RO. */
typedef int job_reply_fn(struct job_run *run, void *arg, const char *account,
                         const struct redisReply *r);
MUST_CHECK int job_each_account(struct job_run *run, const struct job_names *accounts,
                                const char *function, bool ro, const char *const args[],
                                job_reply_fn *fn, void *arg);

#endif
