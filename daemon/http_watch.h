/* Deadlines of whole requests: libmicrohttpd's time-out counts only inactivity, so that a byte now
 * and then would hold a connection for ever. A thread shuts sockets down whose time is over. */
#ifndef TRUNKLINE_HTTP_WATCH_H
#define TRUNKLINE_HTTP_WATCH_H

#include <stdint.h>

#include "err.h"

struct http_watch;
struct http_watched;

MUST_CHECK int http_watch_open(struct http_watch **ret);
void http_watch_close(struct http_watch *w); /* accepts NULL; all sockets must be removed */

/* Watches a socket; NULL when out of memory. */
struct http_watched *http_watch_add(struct http_watch *w, int fd, int64_t deadline_ms);
void http_watch_set(struct http_watch *w, struct http_watched *c, int64_t deadline_ms);
/* Must be called before the socket is closed: its number may be another's afterwards. */
void http_watch_remove(struct http_watch *w, struct http_watched *c); /* accepts c == NULL */

#endif
