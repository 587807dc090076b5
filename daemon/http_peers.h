/* How many connections each client has. IPv6 clients count by their /64: one has all of it. */
#ifndef TRUNKLINE_HTTP_PEERS_H
#define TRUNKLINE_HTTP_PEERS_H

#include <stddef.h>
#include <sys/socket.h>

struct http_peers;
struct http_peer;

struct http_peers *http_peers_new(void);    /* NULL when out of memory */
void http_peers_free(struct http_peers *p); /* accepts NULL; all must have left */

/* One connection more; NULL when out of memory. */
struct http_peer *http_peers_enter(struct http_peers *p, const struct sockaddr *from);
void http_peers_leave(struct http_peers *p, struct http_peer *peer); /* accepts NULL */

size_t http_peer_count(const struct http_peer *peer); /* NULL: 0 */

#endif
