/* Responses of our own, without a transaction. */
#ifndef TRUNKLINE_STATELESS_H
#define TRUNKLINE_STATELESS_H

#include "core.h"
#include "out.h"

/* Where responses to a request go: the connection that it came on; its source address, at the
 * source port if asked by rport, else at the port of its Via, which is also where to connect if the
 * connection is lost (§18.2.2, RFC 3581). */
struct flow stateless_flow(const struct flow *from, const struct via *via);

/* Answers a request but ACK, in at most `cap` bytes; a longer response is not sent, but counted.
 * `lines`: whole header lines or empty. */
void stateless_respond(struct core *core, const struct msg *request, const struct flow *from,
                       int status, const char *reason, struct span lines, size_t cap);

/* §16.3 item 5: we support no proxy extension. True: the request needs some; its Unsupported line,
 * which lists them as they came, is in `lines`. */
bool stateless_unsupported(const struct msg *request, struct out *lines);

#endif
