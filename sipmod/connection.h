/* One connection: handshake, bytes into messages, messages into a bounded queue, time limits.
 * Private to stream.c. */
#ifndef TRUNKLINE_CONNECTION_H
#define TRUNKLINE_CONNECTION_H

#include <uthash.h>

#include "bytes.h"
#include "frame.h"
#include "stream.h"
#include "tls.h"

enum connection_state {
    CONNECTION_OPENING, /* connecting, TLS handshake */
    CONNECTION_OPEN,    /* messages come and go */
    CONNECTION_ENDING,  /* our last words are on their way; nothing is read any more */
    CONNECTION_CLOSING, /* waits for the loop to let go */
};

/* Where a connection leads, for finding it again. Zeroed before it is filled in: it is hashed. */
struct connection_key {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    const char *name;          /* flow.name where it was asked for */
    uint16_t port;
    uint16_t protocol;
};

struct connection {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    struct streams *streams;
    struct listener *listener;
    struct addr local, remote;
    uint64_t id;
    enum connection_state state;
    bool inbound;
    bool welcome;         /* brought a message that was wanted, or was made by us */
    struct tls *tls;      /* NULL: TCP */
    struct bytes in;      /* the message that isn't whole yet */
    struct frame frame;   /* of `in` */
    struct bytes waiting; /* to be sent once open */
    uint32_t heard, said; /* bytes of messages so far, for who looks at them; they wrap */
    uint64_t last_ms;     /* latest message in or out */
    uint64_t partial_ms;  /* when the message in `in` began */
    struct timer limit;
    /* of stream.c */
    struct connection_key key;
    struct peer *peer; /* others of the same address */
    bool keyed, counted, queued;
    UT_hash_handle by_id, by_key;
    struct connection *prev, *next; /* those not welcome yet, oldest first */
};

/* Takes what waits at `sl`'s socket. */
int connection_accept(struct connection *c, uv_stream_t *server);
/* Goes to c->remote; `name` as in a flow. */
int connection_open(struct connection *c, const char *name);

/* Sends or queues. Too much waiting closes the connection: who does not read gets no more. */
void connection_send(struct connection *c, struct span bytes);
/* At once; stream_gone follows from the loop. May be repeated. */
void connection_close(struct connection *c);

#endif
