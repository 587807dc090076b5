/* The latest messages in a bounded piece of memory: each new one takes the place of the oldest. */
#ifndef TRUNKLINE_CAPTURE_RING_H
#define TRUNKLINE_CAPTURE_RING_H

#include "transport.h"

struct capture_ring;

/* A message and when it passed: unix microseconds, no two alike and never going back. */
struct capture_message {
    int64_t at_us;
    struct transport_message wire;
};

/* `bytes`: of all messages with what is kept beside them. */
MUST_CHECK int capture_ring_new(struct capture_ring **ret, size_t bytes);
void capture_ring_free(struct capture_ring *r); /* accepts NULL */

void capture_ring_clear(struct capture_ring *r);

/* Copies it. One that is larger than the whole ring is left out. */
void capture_ring_add(struct capture_ring *r, const struct capture_message *m);

/* Positions grow with each message and stay valid when it is gone: then they mean the oldest that
 * is there. */
uint64_t capture_ring_latest(const struct capture_ring *r); /* of the latest message */

/* Reads the message at a position and moves it to the next. False: there is none yet. Borrowed
 * until the next capture_ring_add. */
bool capture_ring_next(const struct capture_ring *r, uint64_t *position,
                       struct capture_message *ret);

#endif
