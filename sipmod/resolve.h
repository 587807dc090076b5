/* Where a host name leads (RFC 3263 §4): the addresses to try, in order. Plain addresses never
 * wait, whatever becomes of the name servers. */
#ifndef TRUNKLINE_RESOLVE_H
#define TRUNKLINE_RESOLVE_H

#include "dns.h"
#include "transport.h"

enum { RESOLVE_ADDRESSES = DNS_ADDRESSES };

struct resolver;

MUST_CHECK int resolver_new(struct resolver **ret, uv_loop_t *loop, const struct conf *conf);
/* Answers all that wait, without addresses; accepts NULL. */
void resolver_free(struct resolver *r);

/* At most RESOLVE_ADDRESSES. n 0: the name has none, or nobody told in time (sip.resolve_ms). */
typedef void resolve_fn(void *arg, const struct addr *addresses, size_t n);

/* Calls fn once, before it returns for a plain address or a name that is known, else later.
 * `port` 0: none is given. A name's SRV records say then by which hosts and ports the protocol
 * (PROTOCOL_ANY: UDP) is spoken, ordered anew each time; without any it is the name's own
 * addresses, at the protocol's port, also if nobody tells. Of one host's addresses IPv4 comes
 * first. */
void resolve_host(struct resolver *r, struct span host, uint16_t port, enum protocol protocol,
                  resolve_fn *fn, void *arg);

#endif
