/* Datagrams: they come in and go out in batches, one system call for many (recvmmsg, sendmmsg).
 * What is sent during a turn of the loop leaves at its end. Private to transport.c. */
#ifndef TRUNKLINE_UDP_H
#define TRUNKLINE_UDP_H

#include "transport_priv.h"

enum { UDP_BATCH = 64 }; /* datagrams a system call */

struct udp;

/* ERR_SYSTEM: errno tells why. */
MUST_CHECK int udp_open(struct udp **ret, struct listener *l);
void udp_close(struct udp *u); /* sends what waits; frees on the loop; accepts NULL */

void udp_send(struct udp *u, const struct addr *to, struct span bytes);
void udp_flush(struct udp *u);

/* For how long datagrams have been waiting without a pause. */
uint64_t udp_backlog_ms(const struct udp *u);

#endif
