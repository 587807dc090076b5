/* Host names of next hops into addresses, off the loop's thread; plain addresses never wait. */
#ifndef TRUNKLINE_RESOLVE_H
#define TRUNKLINE_RESOLVE_H

#include <uv.h>

#include "addr.h"

/* `address` NULL: the name has no address. */
typedef void resolve_fn(void *arg, const struct addr *address);

/* Calls fn once, before it returns for a plain address, else later. */
void resolve_host(uv_loop_t *loop, struct span host, uint16_t port, resolve_fn *fn, void *arg);

#endif
