/* Session timers as a proxy sees them (RFC 4028 §8): the interval that a request asks for is put
 * in, lowered to ours or refused; that of a 2xx is what the dialog lives by. */
#ifndef TRUNKLINE_SESSION_TIMER_H
#define TRUNKLINE_SESSION_TIMER_H

#include "conf.h"
#include "edit.h"

enum { SESSION_TIMER_LINES = 48 };

/* Whether an INVITE or UPDATE asks for less than sip.session_min_s, from someone who understands a
 * 422; `lines`: its Min-SE line. Never without sip.session_expires_s. */
bool session_timer_too_small(const struct msg *request, const struct conf *conf,
                             char lines[SESSION_TIMER_LINES]);

/* What a forwarded INVITE or UPDATE asks for. */
struct session_timer {
    int64_t seconds; /* 0: nothing, or nothing of ours */
    bool caller_knows;
};

struct session_timer_text {
    char expires[SESSION_TIMER_LINES], least[SESSION_TIMER_LINES];
};

/* §8.1: puts Session-Expires into an INVITE or UPDATE without one, or lowers it, though not under
 * the Min-SE that came; of a caller who knows no timers raises it to ours, and Min-SE with it.
 * `text` lives until edit_build. */
struct session_timer session_timer_request(struct edit *e, const struct conf *conf,
                                           struct session_timer_text *text);

/* §8.2: a 2xx of a target that knows no timers tells the caller who does that it refreshes alone.
 */
void session_timer_response(struct edit *e, const struct session_timer *asked,
                            struct session_timer_text *text);

/* Seconds after which the session of a 2xx to INVITE or UPDATE ends unless refreshed, as the caller
 * gets to know; 0: never. */
int64_t session_timer_agreed(const struct msg *response, const struct session_timer *asked);

#endif
