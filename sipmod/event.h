/* Answers and ends of calls on their way to Redis, and their form as a line of the spool: fields
 * separated by tabs after a CRC-32 of them, so that a torn or damaged line is never taken. */
#ifndef TRUNKLINE_EVENT_H
#define TRUNKLINE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

enum {
    EVENT_ACCOUNT = 24,
    EVENT_CALL = 24,
    EVENT_WORD = 24,
    EVENT_PLACE = 64,
    EVENT_ATTEMPTS = 256,
    EVENT_MACHINE = 40,
    EVENT_LINE = 1024,
};

struct event {
    bool finish; /* else an answer */
    bool estimated;
    char account[EVENT_ACCOUNT], call[EVENT_CALL];
    char target[EVENT_PLACE], attempts[EVENT_ATTEMPTS], upstream[EVENT_PLACE];
    char reason[EVENT_WORD], by[EVENT_WORD];
    int code;
    int64_t pdd_ms;
    int64_t happened; /* clock_boot_ms */
};

/* "CRC TAB … LF". `machine`: this start of the machine. Returns the length. */
size_t event_write(const struct event *e, const char *machine, char buf[EVENT_LINE]);

/* Reads a line without its LF. Of another start of the machine, the time is taken from the wall
 * clock, and an end is estimated. ERR_INVALID: torn or damaged. */
MUST_CHECK int event_read(struct span line, const char *machine, struct event *ret);

/* Names this start of the machine: as long as it is the same, clock_boot_ms goes on. */
void event_machine(char ret[EVENT_MACHINE]);

#endif
