/* Messages in and out, whatever carries them: UDP (udp.h) or connections of TCP and TLS (stream.h),
 * over IPv4 and IPv6, at several listeners. */
#ifndef TRUNKLINE_TRANSPORT_H
#define TRUNKLINE_TRANSPORT_H

#include <stdint.h>
#include <uv.h>

#include "addr.h"
#include "conf.h"
#include "err.h"
#include "span.h"
#include "timer.h"

enum { TRANSPORT_LISTENERS = 16, TRANSPORT_ERROR = 256 };

enum protocol {
    PROTOCOL_ANY, /* the first of these that we listen to */
    PROTOCOL_UDP,
    PROTOCOL_TCP,
    PROTOCOL_TLS,
};

struct transport;
struct listener;

/* Where a message came from, or goes to. */
struct flow {
    struct listener *listener;
    struct addr remote;
    uint64_t connection; /* of a stream: preferred while it lives; 0: any that leads to `remote` */
    const char *name;    /* of a stream: who it must be by its certificate (transport_name); NULL:
                            the address */
};

/* A message on its way in or out; all is borrowed. */
struct transport_message {
    bool out;
    enum protocol protocol;
    const struct addr *local, *remote;
    uint32_t seq,
        ack; /* of a stream: bytes of messages before it, its way and the other; they wrap */
    struct span bytes;
};

struct transport_events {
    /* One whole message. False: not from anyone that we have to do with, so the connection it came
     * on is closed unless it brought better before. */
    bool (*receive)(void *arg, const struct flow *from, struct span bytes);
    /* A stream that can't be understood any further; it is closed next. `head`: what came of the
     * message. `status`: 400 or 513. */
    void (*malformed)(void *arg, const struct flow *from, struct span head, int status,
                      const char *text);
    /* A sent datagram came back as undeliverable (ICMP). `head`: its first bytes. */
    void (*undeliverable)(void *arg, const struct addr *to, struct span head);
    /* A connection is gone, or did not come about. Never called from inside transport_send. */
    void (*disconnected)(void *arg, uint64_t connection);
    /* What is to be heard at once while datagrams gather; -1: nothing. */
    int (*urgent_fd)(void *arg);
    void *arg;
    /* Each message: before it is received, whatever it is worth, and after it was sent. NULL:
     * nobody looks. */
    void (*seen)(void *seen_arg, const struct transport_message *m);
    void *seen_arg;
};

struct transport_counters {
    uint64_t received, sent, too_large, send_dropped;
    uint64_t accepted, connected, refused; /* connections; refused: over a limit */
};

/* Opens what `conf->sip.listen` lists, with the limits and certificates of `conf`, which is
 * borrowed. On failure writes one line to error. */
MUST_CHECK int transport_open(struct transport **ret, uv_loop_t *loop, struct timer_wheel *wheel,
                              const struct conf *conf, const struct transport_events *events,
                              char error[TRANSPORT_ERROR]);
void transport_close(struct transport *t); /* sends what waits; frees on the loop; accepts NULL */

/* Reads certificates again; connections that are open keep theirs. On failure nothing changes. */
MUST_CHECK int transport_reload(struct transport *t, char error[TRANSPORT_ERROR]);

/* Copies bytes into the queue of the turn (UDP; a full queue drops: SIP retransmits) or of a
 * connection, which is opened if there is none. Returns the connection that will carry them; 0: a
 * datagram, or there can't be a connection now. */
uint64_t transport_send(const struct flow *to, struct span bytes);

/* Whether a connection leads there, so that a message need not wait for one. */
bool transport_is_connected(const struct flow *to);

/* "host:port" for Via and Record-Route. */
struct span transport_sent_by(const struct listener *l);
enum protocol transport_protocol(const struct listener *l);
const char *transport_via_word(const struct listener *l);  /* "UDP", "TCP", "TLS" */
const char *transport_uri_param(const struct listener *l); /* "" or ";transport=tcp", … */

/* What a URI asks for; secure: sips. PROTOCOL_ANY: nothing, or nothing that we know. */
enum protocol transport_protocol_of(bool secure, struct span transport_param);
uint16_t transport_default_port(enum protocol p); /* 5060 or 5061 */

/* Keeps a host name for flows. NULL: none, or too many. */
const char *transport_name(struct transport *t, struct span host);

/* The first listener of sip.listen. */
struct listener *transport_first(struct transport *t);

/* The listener to reach `remote` from by that protocol: `prefer` if it fits, else the first that
 * does, else NULL. */
struct listener *transport_listener_for(struct transport *t, enum protocol protocol,
                                        const struct addr *remote, struct listener *prefer);

/* The listener of this host, port (0: the default) and protocol; NULL: none. */
struct listener *transport_listener_at(struct transport *t, enum protocol protocol,
                                       struct span host, uint16_t port);

/* Whether host and port (0: the default) name one of our listeners or an advertised address. */
bool transport_is_us(struct transport *t, struct span host, uint16_t port);

/* For how long datagrams have been waiting in a socket without a pause. */
uint64_t transport_backlog_ms(const struct transport *t);

const struct transport_counters *transport_counters(const struct transport *t);

#endif
