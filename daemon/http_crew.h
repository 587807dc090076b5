/* Threads that execute requests: while one waits for the store its connection rests, and the
 * server's own threads read and write others. */
#ifndef TRUNKLINE_HTTP_CREW_H
#define TRUNKLINE_HTTP_CREW_H

#include <stddef.h>

#include "err.h"

struct http_crew;

/* Lies in the caller's own structure until `run` takes it. */
struct http_task {
    struct http_task *next;
    void (*run)(struct http_task *task);
};

MUST_CHECK int http_crew_open(struct http_crew **ret, size_t threads);
void http_crew_close(struct http_crew *c); /* accepts NULL; all tasks must be over */

/* Tasks begin in the order in which they came. */
void http_crew_add(struct http_crew *c, struct http_task *task);

#endif
