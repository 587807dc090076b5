/* Under load, lets datagrams gather before they are read: what comes together is read, written to
 * Redis and sent by a few system calls, so that a call costs less the more there are. What Redis
 * answers does not wait with them. */
#ifndef TRUNKLINE_GATHER_H
#define TRUNKLINE_GATHER_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed means new. */
struct gather {
    uint64_t turned_ns;                  /* when datagrams were last read */
    uint64_t window_ns, window_received; /* start of the measurement */
    bool loaded;
    bool behind;  /* set by who reads: more datagrams wait already, so there is no pause */
    bool pausing; /* datagrams are not to be read in this turn of the loop */
};

/* To be called before the loop polls. If of late a message or more came in each `pause_us`, sleeps
 * until such a pause has passed since datagrams were last read, or `urgent_fd` (-1: none) can be
 * read: then the pause goes on after this turn. `received`: messages since the start. */
void gather_wait(struct gather *g, uint64_t received, uint64_t pause_us, int urgent_fd);

#endif
