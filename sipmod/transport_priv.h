/* What the carriers of messages share. Private to transport.c, udp.c, stream.c, connection.c. */
#ifndef TRUNKLINE_TRANSPORT_PRIV_H
#define TRUNKLINE_TRANSPORT_PRIV_H

#include "gather.h"
#include "transport.h"

struct udp;
struct streams;
struct stream_listener;
struct tls_context;

struct listener {
    struct transport *transport;
    enum protocol protocol;
    struct addr local;
    struct addr advertised; /* equals local without advertise */
    char sent_by[ADDR_PORT_TEXT];
    struct udp *udp;                /* PROTOCOL_UDP */
    struct stream_listener *stream; /* the others */
};

struct transport {
    uv_loop_t *loop;
    struct timer_wheel *wheel;
    const struct conf *conf;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    struct transport_events events;
    struct transport_counters counters;
    size_t message_max;
    struct gather gather;
    char *in; /* UDP_BATCH buffers of message_max + 1 bytes */
    struct streams *streams;
    struct tls_context *tls; /* NULL without tls.certificate */
    struct name *names;
    size_t n_listeners;
    bool closing;
    size_t holds; /* handles that are not closed yet */
    struct listener listeners[TRANSPORT_LISTENERS];
};

/* Shows a message to who looks at all of them. */
void transport_show(const struct listener *l, const struct transport_message *m);

/* Where a listener is on the wire: a wildcard's address is the advertised one. */
const struct addr *transport_local(const struct listener *l);

/* A handle of the loop was opened, or is closed: the last one frees the transport. */
void transport_hold(struct transport *t);
void transport_release(struct transport *t);

#endif
