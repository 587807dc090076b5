/* Host names of next hops into addresses: asked of DNS without a thread, kept for their TTL. Plain
 * addresses never wait, whatever becomes of the name servers. */
#ifndef TRUNKLINE_RESOLVE_H
#define TRUNKLINE_RESOLVE_H

#include <uv.h>

#include "addr.h"
#include "conf.h"

struct resolver;

MUST_CHECK int resolver_new(struct resolver **ret, uv_loop_t *loop, const struct conf *conf);
/* Answers all that wait, with NULL; accepts NULL. */
void resolver_free(struct resolver *r);

/* `address` NULL: the name has no address, or nobody told in time (sip.resolve_ms). */
typedef void resolve_fn(void *arg, const struct addr *address);

/* Calls fn once, before it returns for a plain address or a name that is known, else later. Of a
 * name with several addresses an IPv4 address is taken first. */
void resolve_host(struct resolver *r, struct span host, uint16_t port, resolve_fn *fn, void *arg);

#endif
