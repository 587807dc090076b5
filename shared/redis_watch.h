/* Listens to one channel on behalf of threads that keep copies of what Redis holds. Nobody waits
 * for messages: whoever is about to use a copy asks first whether one has come. */
#ifndef TRUNKLINE_REDIS_WATCH_H
#define TRUNKLINE_REDIS_WATCH_H

#include <stdbool.h>

#include "redis.h"

struct redis_watch;

/* Connects with redis_watch_tend. */
MUST_CHECK int redis_watch_open(struct redis_watch **ret, const struct redis_settings *settings,
                                const char *channel);
void redis_watch_close(struct redis_watch *w); /* accepts NULL */

/* Takes what has come without waiting; fn gets each message, and NULL when some may have been
 * lost: copies are worth nothing then. False: not connected, so nobody would be told of changes.
 * Any thread; fn is called by one at a time. */
typedef void redis_watch_fn(void *arg, const char *message);
bool redis_watch_poll(struct redis_watch *w, redis_watch_fn *fn, void *arg);

/* The same, then connects when there is no connection, and asks for a sign of life when there is
 * one; to be called every second or so, by one thread. May block for the settings' time-out. */
void redis_watch_tend(struct redis_watch *w, redis_watch_fn *fn, void *arg);

#endif
