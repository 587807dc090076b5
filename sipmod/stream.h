/* All connections of an instance: taken, made, found again, limited. One that leads to the right
 * place is used whoever opened it, so responses and requests go where a peer already listens
 * (RFC 3261 §18, RFC 5923). Private to transport.c and connection.c. */
#ifndef TRUNKLINE_STREAM_H
#define TRUNKLINE_STREAM_H

#include "transport_priv.h"

struct streams;
struct stream_listener;
struct connection;

MUST_CHECK int streams_new(struct streams **ret, struct transport *t);
void streams_close(struct streams *s); /* every connection; accepts NULL */
void streams_free(struct streams *s);  /* after the last is gone; accepts NULL */

/* ERR_SYSTEM: errno tells why. */
MUST_CHECK int stream_listen(struct stream_listener **ret, struct streams *s, struct listener *l);
void stream_unlisten(struct stream_listener *sl); /* frees on the loop; accepts NULL */

/* As transport_send. */
uint64_t stream_send(struct streams *s, const struct flow *to, struct span bytes);
bool stream_is_connected(struct streams *s, const struct flow *to);

/* ---- for connection.c ---- */

/* It proved itself: it may stay when there are too many. */
void stream_welcome(struct streams *s, struct connection *c);
/* No new messages may be put on it. */
void stream_retire(struct streams *s, struct connection *c);
/* It is closed: tells the user and frees it. */
void stream_gone(struct streams *s, struct connection *c);

#endif
