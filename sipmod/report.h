/* Tells Redis, for operators, how this instance's next hops are: at once when one goes down or
 * comes back, and now and then so that what Redis holds stays alive. */
#ifndef TRUNKLINE_REPORT_H
#define TRUNKLINE_REPORT_H

#include "err.h"

struct core;
struct report;

/* Begins; core's wheel, health and store must be there. */
MUST_CHECK int report_new(struct report **ret, const struct core *core);
void report_free(struct report *r); /* after the store was closed; accepts NULL */

#endif
