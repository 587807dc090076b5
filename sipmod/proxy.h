/* The proxy: takes what arrives, checks it (RFC 3261 §16.3) and hands it to who is in charge. */
#ifndef TRUNKLINE_PROXY_H
#define TRUNKLINE_PROXY_H

#include <uv.h>

#include "conf.h"

enum { PROXY_ERROR = 256 };

struct proxy;

struct proxy_events {
    void (*ready)(void *arg);   /* listening, Redis is up, sources and gateways are known */
    void (*drained)(void *arg); /* after proxy_drain: nothing is under way any more */
    void *arg;
};

/* `conf` is borrowed for the proxy's life. On failure writes one line to error. */
MUST_CHECK int proxy_open(struct proxy **ret, uv_loop_t *loop, const struct conf *conf,
                          const struct proxy_events *events, char error[PROXY_ERROR]);
void proxy_close(struct proxy *p); /* frees on the loop; accepts NULL */

/* `conf` was changed: certificates are read again. On failure the old ones stay, and one line is in
 * error. */
MUST_CHECK int proxy_reload(struct proxy *p, char error[PROXY_ERROR]);

/* Takes no more calls (503 with Retry-After, also to OPTIONS), lets those in setup finish and what
 * Redis must know arrive. */
void proxy_drain(struct proxy *p);

#endif
