/* Where SIP is listened to: one element of sip.listen. */
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

#endif
