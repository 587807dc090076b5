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

/* Puts Session-Expires into an INVITE or UPDATE without one, or lowers it, though not under the
 * Min-SE that came. `text` lives until edit_build. */
void session_timer_edit(struct edit *e, const struct conf *conf, char text[SESSION_TIMER_LINES]);

/* Seconds after which the session of a 2xx to INVITE or UPDATE ends unless refreshed; 0: never. */
int64_t session_timer_agreed(const struct msg *response);

#endif
