/* Connections and their limits. Deadlines of whole requests: libmicrohttpd's time-out counts only
 * inactivity, so that a byte now and then would hold a connection for ever; a thread shuts sockets
 * down whose time is over. Idle connections make way for new ones: whoever opens many and sends
 * nothing keeps nobody out. */
#ifndef TRUNKLINE_HTTP_WATCH_H
#define TRUNKLINE_HTTP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "err.h"

struct http_watch;
struct http_watched;

MUST_CHECK int http_watch_open(struct http_watch **ret, size_t connections, size_t per_address);
void http_watch_close(struct http_watch *w); /* accepts NULL; all sockets must be removed */

/* Watches a new socket, idle until its first request. Over the limit of connections the one that
 * has been idle longest is cut. NULL when out of memory. */
struct http_watched *http_watch_add(struct http_watch *w, int fd, const struct sockaddr *from,
                                    int64_t deadline_ms);
/* A request is under way or not, with the deadline of that. */
void http_watch_busy(struct http_watch *w, struct http_watched *c, int64_t deadline_ms);
void http_watch_idle(struct http_watch *w, struct http_watched *c, int64_t deadline_ms);
/* Must be called before the socket is closed: its number may be another's afterwards. */
void http_watch_remove(struct http_watch *w, struct http_watched *c); /* accepts c == NULL */

/* It came when its client had as many as one may have. */
bool http_watch_crowded(const struct http_watched *c); /* accepts NULL */

#endif
