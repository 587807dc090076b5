/* A reply's body that goes on: frames of text, of which a slow client misses some. */
#ifndef TRUNKLINE_HTTP_STREAM_H
#define TRUNKLINE_HTTP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct MHD_Connection;
struct MHD_Response;
struct http_watch;
struct http_watched;

/* A text that many streams send; counted. */
struct http_frame;

/* Takes a text of malloc. NULL when out of memory: the text is freed then. */
struct http_frame *http_frame_new(char *text, size_t n);
void http_frame_drop(struct http_frame *f); /* accepts NULL */

/* Shared by who writes and the server; each drops it. Any thread. */
struct http_stream;

MUST_CHECK int http_stream_new(struct http_stream **ret);
void http_stream_drop(struct http_stream *s); /* accepts NULL */

/* Sends a frame after the one that is under way, in place of any that waited: never more than two
 * are held. The caller keeps its count. False: the client has gone. */
bool http_stream_put(struct http_stream *s, struct http_frame *f);

/* What is under way goes out, then the reply is over. */
void http_stream_end(struct http_stream *s);

/* For the server: whom it sends to, whose deadline moves on with each piece that the client took.
 */
struct http_receiver {
    struct MHD_Connection *connection;
    struct http_watch *watch;
    struct http_watched *watched;
    int64_t patience_ms;
};

/* The client has gone: drops the server's count. */
void http_stream_leave(struct http_stream *s);

/* Makes the response, which takes the server's count of the stream. NULL when out of memory. */
struct MHD_Response *http_stream_response(struct http_stream *s, const struct http_receiver *to);

#endif
