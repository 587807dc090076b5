/* Background jobs: expiry of holds, unfinished sagas, calls of lost sipmods, money of calls. A lock
 * in Redis lets each run on one trunkd at a time; all of them bear to run twice. */
#ifndef TRUNKLINE_JOB_H
#define TRUNKLINE_JOB_H

#include "err.h"
#include "service.h"

struct jobs;

/* Starts the thread; the schema must be loaded. */
MUST_CHECK int job_start(struct jobs **ret, struct service *service);
/* Waits for the job that runs, drops the locks. Accepts NULL. */
void job_stop(struct jobs *j);

/* Name of a job, which its lock has, too; NULL past the last one. */
const char *job_name(size_t i);

#endif
