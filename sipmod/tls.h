/* TLS 1.2 and later on bytes in memory: what came from the network goes in, what must go there
 * comes out. No sockets. */
#ifndef TRUNKLINE_TLS_H
#define TRUNKLINE_TLS_H

#include <stdbool.h>

#include "addr.h"
#include "conf.h"
#include "span.h"

enum { TLS_ERROR = 256 };

struct tls_context; /* certificates and rules of an instance */
struct tls;         /* one connection's; stands on the context it was made with to its end */

/* Reads the files of conf->tls. On failure writes one line to error. */
MUST_CHECK int tls_context_new(struct tls_context **ret, const struct conf *conf,
                               char error[TLS_ERROR]);
void tls_context_free(struct tls_context *c); /* accepts NULL */

/* NULL: no memory. Client: `name` is who the server must be where that is verified; NULL: `remote`,
 * by its address. */
struct tls *tls_server(struct tls_context *c);
struct tls *tls_client(struct tls_context *c, const char *name, const struct addr *remote);
void tls_free(struct tls *t); /* accepts NULL */

/* Takes what came, and goes on with the handshake. ERR_PROTOCOL: the end. */
MUST_CHECK int tls_feed(struct tls *t, struct span encrypted);
/* The next of what was said, *ret_n 0 when there is no more yet. ERR_UNAVAILABLE: the other side
 * ended in order. ERR_PROTOCOL. */
MUST_CHECK int tls_read(struct tls *t, char *buf, size_t cap, size_t *ret_n);
/* After the handshake alone. ERR_PROTOCOL. */
MUST_CHECK int tls_write(struct tls *t, struct span plain);
/* Says that nothing will follow. */
void tls_end(struct tls *t);

/* What must go to the network; to be called until it is empty after each call above. Valid until
 * the next call of any of these. */
struct span tls_take_out(struct tls *t);

bool tls_is_open(const struct tls *t);     /* the handshake is done */
bool tls_is_verified(const struct tls *t); /* the other side proved who it is */

/* Why the latest call failed, one line. */
const char *tls_fault(struct tls *t, char buf[TLS_ERROR]);

#endif
