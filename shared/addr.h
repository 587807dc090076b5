/* IP addresses and host:port pairs as text, strictly read. */
#ifndef TRUNKLINE_ADDR_H
#define TRUNKLINE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "err.h"
#include "span.h"

enum { ADDR_TEXT = 46, ADDR_PORT_TEXT = 56 }; /* with NUL; "[v6]:65535" */

struct addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

/* Reads a dotted IPv4 (no leading zeros) or an IPv6 address, with or without brackets, no zone.
 * The port is set to `port`. IPv4-mapped IPv6 becomes IPv4. ERR_INVALID otherwise. */
MUST_CHECK int addr_parse(struct span s, uint16_t port, struct addr *ret);

/* Reads "1.2.3.4:5060", "[::1]:5060" or an address alone (then default_port). */
MUST_CHECK int addr_parse_port(struct span s, uint16_t default_port, struct addr *ret);

/* Reads a host name (RFC 1123 §2.1, its last label no number) with or without a port; 0: none.
 * ERR_INVALID otherwise, of an IP address too. */
MUST_CHECK int addr_parse_name(struct span s, struct span *ret_name, uint16_t *ret_port);

/* Address without port, canonical (RFC 5952), no brackets. Returns buf. */
const char *addr_text(const struct addr *a, char buf[ADDR_TEXT]);

/* "1.2.3.4:5060" or "[::1]:5060". Returns buf. */
const char *addr_port_text(const struct addr *a, char buf[ADDR_PORT_TEXT]);

uint16_t addr_port(const struct addr *a);
socklen_t addr_len(const struct addr *a);
bool addr_eq(const struct addr *a, const struct addr *b);      /* address and port */
bool addr_eq_host(const struct addr *a, const struct addr *b); /* address alone */

bool addr_is_loopback(const struct addr *a);
/* Unspecified, multicast, broadcast, link-local: nothing that a call may be sent to. */
bool addr_is_unroutable(const struct addr *a);
/* An address of the public Internet: none of the special-purpose registries of IANA (RFC 6890). */
bool addr_is_public(const struct addr *a);

#endif
