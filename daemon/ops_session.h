/* Who looks at the ops page: by a session's cookie, or by the token itself as a bearer. */
#ifndef TRUNKLINE_OPS_SESSION_H
#define TRUNKLINE_OPS_SESSION_H

#include "op.h"
#include "secret.h"

struct ops_pass {
    const char *kind; /* "session" or "token"; static */
    char hash[SECRET_SHA256_HEX];
};

/* ERR_OK: the request comes from an operator, whose label goes into op->who and whose pass into
 * ret. ERR_REFUSED: it doesn't; ERR_NOT_FOUND: there are no operators. Errors of the store. */
MUST_CHECK int ops_session_check(struct op *op, struct ops_pass *ret);

/* Asks again, some time later. ERR_REFUSED, ERR_NOT_FOUND: it is worth nothing any more. */
MUST_CHECK int ops_session_recheck(struct redis_pool *redis, const struct ops_pass *pass);

/* Opens a session for the token in the request's form, or sends back to the form. */
MUST_CHECK int ops_session_open(struct op *op, struct http_reply *ret);

/* Ends the session whose cookie the request has. */
MUST_CHECK int ops_session_close(struct op *op, struct http_reply *ret);

/* Sends the browser elsewhere with GET. */
void ops_session_lead(struct http_reply *r, const char *to);

#endif
