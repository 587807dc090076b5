/* Places with their protocol: one element of sip.listen, and capture.hep. */
#ifndef TRUNKLINE_LISTEN_H
#define TRUNKLINE_LISTEN_H

#include "addr.h"

enum { LISTEN_UDP = 1, LISTEN_TCP = 2, LISTEN_TLS = 4 };

struct listen {
    unsigned protocols; /* LISTEN_UDP and so on, or'ed */
    struct addr address;
};

/* Reads "udp:ADDR:PORT", "tcp:ADDR:PORT", "tls:ADDR:PORT", or "ADDR:PORT" for UDP and TCP, which
 * RFC 3261 §18.2.1 wants at the same port. The port is required. ERR_INVALID. */
MUST_CHECK int listen_parse(struct span text, struct listen *ret);

/* Where something is sent to. */
struct collector {
    bool stream; /* TCP; else UDP */
    char host[256], port[6];
};

/* Reads "udp:HOST:PORT" or "tcp:HOST:PORT", HOST a name or an address. ERR_INVALID. */
MUST_CHECK int collector_parse(struct span text, struct collector *ret);

#endif
