/* What is told of calls on CHANNEL_CALLS, counted: by the second, and by cause over a minute. Of
 * one thread. */
#ifndef TRUNKLINE_OPS_NEWS_H
#define TRUNKLINE_OPS_NEWS_H

#include <jansson.h>

#include "redis.h"

struct ops_news;

struct ops_counts {
    int64_t started, answered, refused;
};

/* Listens from the first ops_news_tend on. */
MUST_CHECK int ops_news_open(struct ops_news **ret, const struct redis_settings *settings);
void ops_news_close(struct ops_news *n); /* accepts NULL */

/* Takes what has come, without waiting; several times a second. */
void ops_news_poll(struct ops_news *n);
/* Connects when there is no connection; once a second. */
void ops_news_tend(struct ops_news *n);

/* Ends a second. False: not everything was heard in it, or nothing was ever told. */
bool ops_news_second(struct ops_news *n, struct ops_counts *ret);

/* Calls that were refused or failed in the last minute: a list of code, reason and n, the most
 * frequent first. NULL when out of memory. */
json_t *ops_news_causes(const struct ops_news *n);
/* The latest events, newest first. NULL when out of memory. */
json_t *ops_news_latest(const struct ops_news *n);

#endif
