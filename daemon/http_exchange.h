/* One request on its way in: what libmicrohttpd lets through but must not pass is found here. */
#ifndef TRUNKLINE_HTTP_EXCHANGE_H
#define TRUNKLINE_HTTP_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "http.h"

struct MHD_Connection;

/* Memory of the bodies of all requests under way. */
struct http_room {
    atomic_size_t used;
    size_t most;
};

struct http_exchange {
    struct http_room *room;
    char *uri;             /* as received */
    const char *uri_place; /* where libmicrohttpd keeps it; compared, never read */
    size_t uri_n;
    char *body;
    size_t body_n, body_cap, body_seen;
    bool begun;
    bool answered;           /* by an errand; `reply` waits to be sent */
    bool sought;             /* whether a reply is kept */
    struct kept_check check; /* of that one */
    struct MHD_Connection *connection;
    struct http *server;
    int refusal;
    const char *refusal_text;
    char request_id[HTTP_REQUEST_ID_MAX + 1];
    char *forwarded, *forwarded_for; /* joined headers */
    struct http_reply reply;         /* last: most of it needs no initial value */
};

/* NULL when out of memory. */
struct http_exchange *http_exchange_new(const char *uri, struct http_room *room);
void http_exchange_free(struct http_exchange *x); /* accepts NULL */

/* An empty reply of status 500. */
void http_reply_begin(struct http_reply *r);
/* Frees a reply that is not sent; it is empty then. */
void http_reply_end(struct http_reply *r);

/* Refuses it, unless it is refused already. */
void http_exchange_refuse(struct http_exchange *x, int status, const char *text);

/* Looks at the headers: sets refusal and the request id. True: refuse now, without the body. */
bool http_exchange_begin(struct http_exchange *x, struct MHD_Connection *c, const char *method,
                         const char *version, int64_t body_max);

/* Takes a piece of the body. False: the connection must be cut. */
bool http_exchange_body(struct http_exchange *x, const char *data, size_t n, int64_t body_max);

/* The request as the handler sees it. */
struct http_request http_exchange_request(struct http_exchange *x, struct MHD_Connection *c,
                                          const char *method);

#endif
