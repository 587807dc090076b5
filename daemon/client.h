/* Who sends a request: the peer, or whom a trusted proxy names. */
#ifndef TRUNKLINE_CLIENT_H
#define TRUNKLINE_CLIENT_H

#include "addr.h"
#include "http.h"

struct client {
    struct addr addr;
    char text[ADDR_TEXT];
    bool secure; /* the client's own connection is TLS */
};

/* trusted: networks by comma. header: "X-Forwarded-For" or "Forwarded"; its addresses are read from
 * the last on, past trusted ones, to the first that isn't: what stands before was said by a
 * stranger. One that is no address (RFC 7239 "unknown", "_hidden") ends it, too. */
struct client client_of(const struct http_request *r, const char *trusted, const char *header);

#endif
