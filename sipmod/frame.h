/* Where a message ends in a stream (RFC 3261 §18.3): after the bytes of its Content-Length, which
 * it must have. Stricter than for a datagram: who reads a length otherwise than we do would see
 * another message behind it. */
#ifndef TRUNKLINE_FRAME_H
#define TRUNKLINE_FRAME_H

#include "span.h"

enum frame_found {
    FRAME_MORE,      /* not whole yet */
    FRAME_BLANK,     /* a CRLF between messages (RFC 3261 §7.5) */
    FRAME_PING,      /* CRLF CRLF: answer with CRLF (RFC 5626 §4.4.1) */
    FRAME_MESSAGE,   /* start line to the end of the body */
    FRAME_MALFORMED, /* nothing behind it can be trusted; `n` bytes are what is known of it */
    FRAME_TOO_LARGE, /* the same, over `message_max` */
};

/* The message at the front of a stream, as far as it was looked at. Zeroed at its beginning. */
struct frame {
    size_t line;       /* where the current line begins */
    size_t looked_at;  /* bytes in which no further line end is */
    size_t head, body; /* bytes; head 0: not known yet */
    const char *fault; /* static; set with FRAME_MALFORMED */
};

/* `bytes`: all that came since the last message; each time the same with more behind. *ret_n: bytes
 * of what was found; for all but FRAME_MORE `f` is zeroed again, with its fault kept. */
enum frame_found frame_next(struct frame *f, struct span bytes, size_t message_max, size_t *ret_n);

#endif
