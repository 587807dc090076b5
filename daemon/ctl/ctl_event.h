/* A message of the channels tl:calls, tl:trunks and tl:health (redis-schema/KEYS.md). */
#ifndef TRUNKLINE_CTL_EVENT_H
#define TRUNKLINE_CTL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

struct event;

/* NULL: no JSON object. To be freed. */
struct event *ctl_event_read(struct span message);
void ctl_event_free(struct event *e); /* accepts NULL */

/* A field's text, in printable ASCII: what could steer a terminal is '?'. "" when it isn't there;
 * borrowed. */
const char *ctl_event_text(const struct event *e, const char *field);
int64_t ctl_event_int(const struct event *e, const char *field); /* 0 when it isn't there */
bool ctl_event_is(const struct event *e, const char *word);      /* by its `event` */

/* What it tells, in a line for people without a line's end; to be freed. */
char *ctl_event_line(const struct event *e);

/* Milliseconds since 1970 as HH:MM:SS.mmm, UTC. */
enum { EVENT_TIME = 16 };
const char *ctl_event_time(int64_t ms, char buf[EVENT_TIME]);

#endif
