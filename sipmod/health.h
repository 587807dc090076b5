/* Which next hops of calls are in order. A target that leaves several calls in a row unanswered,
 * asks for a rest (Retry-After) or leaves several OPTIONS unanswered is down: calls try others
 * first. OPTIONS that are answered several times in a row, or a call that it takes, bring it back.
 */
#ifndef TRUNKLINE_HEALTH_H
#define TRUNKLINE_HEALTH_H

#include "conf.h"
#include "transport.h"
#include "txn.h"

struct health;

MUST_CHECK int health_new(struct health **ret, const struct conf *conf, struct timer_wheel *wheel,
                          struct txn_table *txns);
void health_free(struct health *h); /* before its transactions; accepts NULL */

/* Watches one more place that a target's name leads to. */
void health_know(struct health *h, const struct flow *target);

/* A call is about to go there. */
bool health_is_down(struct health *h, const struct flow *target);

/* The target answered an INVITE; `response` with any status. */
void health_heard(struct health *h, const struct flow *target, const struct msg *response);

/* The target did not answer an INVITE in time, or takes no connection. */
void health_failed(struct health *h, const struct flow *target);

size_t health_count(const struct health *h); /* targets that are watched */
size_t health_down(const struct health *h);  /* of them */

size_t health_changes(const struct health *h); /* from up to down and back, ever */

/* Calls fn for at most so many of them, those that are down first. `protocol`: "UDP", …; `why` it
 * is down or came back, in a few words; "" if it never was down. */
typedef void health_list_fn(void *arg, const char *place, const char *protocol, bool down,
                            const char *why);
void health_list(const struct health *h, size_t most, health_list_fn *fn, void *arg);

#endif
