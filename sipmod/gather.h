/* Under load, lets messages gather before they are read: what comes together is read, written to
 * Redis and sent by a few system calls, so that a call costs less the more there are. */
#ifndef TRUNKLINE_GATHER_H
#define TRUNKLINE_GATHER_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed means new. */
struct gather {
    uint64_t turned_ns;                  /* when messages were last read */
    uint64_t window_ns, window_received; /* start of the measurement */
    bool loaded;
};

/* To be called before the loop polls. Sleeps until `pause_us` have passed since the last time, if
 * of late a message or more came in each such pause. `received`: messages since the start. */
void gather_wait(struct gather *g, uint64_t received, uint64_t pause_us);

#endif
