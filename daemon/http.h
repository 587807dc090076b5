/* The HTTP server: libmicrohttpd with the checks and limits that it lacks. */
#ifndef TRUNKLINE_HTTP_H
#define TRUNKLINE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "err.h"
#include "kept.h"
#include "span.h"

enum { HTTP_REQUEST_ID_MAX = 64, HTTP_ERROR = 256 };

struct http_request;
struct http_reply;

/* Called on any thread, several at once. */
typedef void http_handler(void *arg, const struct http_request *request, struct http_reply *ret);

/* Gives a kept reply, which is good, again; on a thread that must not wait. False: the request must
 * be executed. */
typedef bool http_reuser(void *arg, struct kept_reply *kept, const struct http_request *request,
                         struct http_reply *ret);

struct http_settings {
    const char *listen;       /* "ADDR:PORT" by comma; "": none */
    const char *tls_listen;   /* the same, with TLS: http_tls_load comes first */
    int64_t threads, workers; /* that read and write; that execute */
    int64_t connections, connections_per_address;
    int64_t idle_timeout_s, request_timeout_s;
    int64_t body_max, upload_max; /* bytes of a body; of one that may hold files */
    int64_t bodies_max;           /* bytes of all bodies under way */
    struct kept *kept;            /* replies that may be given again */
    http_reuser *reuse;
    bool (*takes_files)(struct span path); /* whose bodies these are */
    bool (*waits)(struct span path);       /* whose handler waits for others than the store */
};

/* One request, complete. Spans are valid during the call. */
struct http_request {
    struct span method, path, query; /* path and query as received */
    struct span target;              /* all of the URI as received */
    struct span content_type, body;
    struct span host, range, if_range, idempotency_key; /* headers; empty: none */
    struct span forwarded, forwarded_for;               /* the same, all of a name by comma */
    struct span forwarded_proto;
    struct span authorization, cookie, if_none_match, origin;
    struct addr peer;       /* who is connected */
    const char *request_id; /* the client's if it is sane, else ours */
    bool tls;               /* came over a connection with TLS of ours */
    int refusal;            /* status of a request that must be refused unread (400, 413), else 0 */
    const char *refusal_text;
};

enum { HTTP_FIELDS = 12, HTTP_FIELD_MAX = 200 };

struct http_field {
    const char *name; /* static */
    char value[HTTP_FIELD_MAX];
};

/* A body from memory, a part of a file, or one that goes on. */
struct http_reply {
    int status;
    char *body;                   /* from malloc; the server frees it */
    size_t body_n;                /* 0: the body ends with a NUL */
    int fd;                       /* -1: none; the server closes it */
    void (*release)(void *owner); /* not NULL: frees the body */
    void *owner;
    int64_t file_at, file_n;    /* the part to send */
    struct http_stream *stream; /* NULL: none; the server drops it */
    bool cacheable; /* clients may keep it if they ask each time whether it is still the same */
    const char *content_type; /* static; NULL: JSON */
    const char *allow;        /* static; NULL: no Allow header */
    int retry_after_s;        /* 0: no Retry-After header */
    size_t field_n;
    struct http_field fields[HTTP_FIELDS]; /* last: http_reply_begin leaves them as they are */
};

/* RFC 9110 5.6.2; a header's name is one. */
bool http_is_token(struct span s);

/* Adds a header; one that doesn't fit is left out and logged. */
void http_reply_field(struct http_reply *r, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

struct http;

/* Listens at once. On failure one line is in error: an address is bad or taken, or there is none.
 */
MUST_CHECK int http_open(struct http **ret, const struct http_settings *settings,
                         http_handler *handler, void *arg, char error[HTTP_ERROR]);

/* Refuses new requests with 503, waits for those under way but not longer than so, ends. Accepts
 * NULL. */
void http_close(struct http *h, int64_t drain_ms);

#endif
