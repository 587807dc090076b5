/* Sockets: datagrams come in and go out in batches, one system call for many (recvmmsg, sendmmsg).
 * What is sent during a turn of the loop leaves at its end. */
#ifndef TRUNKLINE_TRANSPORT_H
#define TRUNKLINE_TRANSPORT_H

#include <stdint.h>
#include <uv.h>

#include "addr.h"
#include "err.h"
#include "span.h"

enum { TRANSPORT_LISTENERS = 8, TRANSPORT_ERROR = 256 };

struct transport;
struct listener;

/* Where a message came from, or goes to. */
struct flow {
    struct listener *listener;
    struct addr remote;
};

struct transport_events {
    void (*receive)(void *arg, const struct flow *from, struct span bytes);
    /* A sent datagram came back as undeliverable (ICMP). `head`: its first bytes. */
    void (*undeliverable)(void *arg, const struct addr *to, struct span head);
    void *arg;
};

struct transport_counters {
    uint64_t received, sent, too_large, send_dropped;
};

/* listen: "ADDR:PORT" by comma. advertise: what to put into Via and Record-Route instead, for all
 * listeners; NULL or empty: each its own address, which then can't be a wildcard.
 * On failure writes one line to error. */
MUST_CHECK int transport_open(struct transport **ret, uv_loop_t *loop, const char *listen,
                              const char *advertise, size_t message_max,
                              const struct transport_events *events, char error[TRANSPORT_ERROR]);
void transport_close(struct transport *t); /* sends what waits; frees on the loop; accepts NULL */

/* Copies bytes into the queue of the turn. A full queue drops (SIP retransmits) and counts. */
void transport_send(const struct flow *to, struct span bytes);

/* "host:port" for Via and Record-Route. */
struct span transport_sent_by(const struct listener *l);

/* The first listener of sip.listen. */
struct listener *transport_first(struct transport *t);

/* The listener to reach `remote` from: `prefer` if its family fits, else the first that does, else
 * NULL. */
struct listener *transport_listener_for(struct transport *t, const struct addr *remote,
                                        struct listener *prefer);

/* Whether host and port (0: 5060) name one of our listeners or the advertised address. */
bool transport_is_us(const struct transport *t, struct span host, uint16_t port);

const struct transport_counters *transport_counters(const struct transport *t);

#endif
