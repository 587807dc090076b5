/* SIP messages out of captured TCP segments: each direction of a connection is a stream that is put
 * together from what came, in any order and more than once; of bytes that came twice the first
 * count. After a lost segment, or when the capture began amid a connection, reading goes on at the
 * next start of a message. Where messages end is frame.h's. Bounded in streams and bytes. */
#ifndef TRUNKLINE_TAP_TCP_H
#define TRUNKLINE_TAP_TCP_H

#include "tap_packet.h"

enum {
    TAP_TCP_STREAMS = 65536,  /* beyond, the one that was silent longest is forgotten */
    TAP_TCP_AHEAD = 64,       /* segments of a stream that wait for one before them */
    TAP_TCP_WINDOW = 1 << 20, /* bytes that a segment may be ahead */
    TAP_TCP_US = 2000000,     /* longest wait for a missing segment */
};

struct tap_tcp;

struct tap_tcp_events {
    /* One whole message; `where` is the segment that completed it. */
    void (*message)(void *arg, const struct tap_packet *where, struct span bytes);
    /* Bytes that are no message and were passed over. */
    void (*malformed)(void *arg);
    /* A segment that never came. */
    void (*lost)(void *arg);
    void *arg;
};

MUST_CHECK int tap_tcp_new(struct tap_tcp **ret, size_t message_max,
                           const struct tap_tcp_events *events);
void tap_tcp_free(struct tap_tcp *t); /* accepts NULL */

/* Without memory the segment is taken for lost. */
void tap_tcp_take(struct tap_tcp *t, const struct tap_packet *segment);

/* Bytes that streams hold. */
size_t tap_tcp_held(const struct tap_tcp *t);

#endif
