/* Proxies of ours at the edge of the network, such as a Kamailio. What one of them sends comes from
 * the address that its header X-Trunkline-Source names; nobody else is believed, and the header
 * goes no further than us. */
#ifndef TRUNKLINE_EDGE_H
#define TRUNKLINE_EDGE_H

#include "addr.h"
#include "msg.h"

struct edges;

/* `networks`: as sip.edges. */
MUST_CHECK int edges_new(struct edges **ret, struct span networks);
void edges_free(struct edges *e); /* accepts NULL */

bool edges_hold(const struct edges *e, const struct addr *from);

/* Who sent a request that came from this address. ERR_NOT_FOUND: it came from an edge, which names
 * nobody, or not just one. */
MUST_CHECK int edges_origin(const struct edges *e, const struct msg *request,
                            const struct addr *from, struct addr *ret);

/* The Via of who sent it: behind an edge not the topmost, which differs with each of the edge's
 * tries. */
void edges_via(const struct edges *e, const struct msg *request, const struct addr *from,
               struct via *ret);

#endif
