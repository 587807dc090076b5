/* Calls as a bystander sees them: INVITEs of listed sources, what a proxy made of them, and their
 * ends. The same call on the proxy's other side (its Via names the first INVITE) is one call. Time
 * is that of the packets. Bounded in calls. */
#ifndef TRUNKLINE_TAP_CALL_H
#define TRUNKLINE_TAP_CALL_H

#include "tap_cdr.h"
#include "tap_count.h"

struct tap_calls;

struct tap_calls_needs {
    const struct conf *conf;
    struct tap_count *count;
    /* Who sends from there; NULL: nobody that is listed. */
    const struct source *(*source)(void *arg, const struct addr *from);
    /* Of call ids; NULL: there is none yet. */
    const struct mac_key *(*key)(void *arg);
    /* A call is over; the record is borrowed. */
    void (*ended)(void *arg, const struct tap_cdr *cdr);
    void *arg;
};

MUST_CHECK int tap_calls_new(struct tap_calls **ret, const struct tap_calls_needs *needs);
void tap_calls_free(struct tap_calls *t); /* accepts NULL */

/* One message that went from `from` to `to`. */
void tap_calls_take(struct tap_calls *t, int64_t at_us, const struct addr *from,
                    const struct addr *to, const struct msg *m);

/* Ends what will not end any more; costs little when called often. */
void tap_calls_tick(struct tap_calls *t, int64_t now_us);

/* The capture is over: ends, as an estimate, what is still up. */
void tap_calls_finish(struct tap_calls *t, int64_t now_us);

size_t tap_calls_count(const struct tap_calls *t);

#endif
