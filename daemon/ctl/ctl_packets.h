/* Messages of traced calls: from a trace, or from what the sipmods remember. */
#ifndef TRUNKLINE_CTL_PACKETS_H
#define TRUNKLINE_CTL_PACKETS_H

#include "addr.h"
#include "ctl.h"

/* One message as it was on the wire. */
struct ctl_packet {
    int64_t at_us; /* unix time */
    char *callid, *call, *node, *dir, *proto;
    struct addr from, to;
    struct span data; /* owned */
};

struct ctl_packets {
    struct ctl_packet *v;
    size_t n;
};

/* Those of a trace's id, or of one call by our id or its Call-ID, in the order of time: a trace has
 * them, else the sipmods are asked. False after a message; none is a failure. */
MUST_CHECK bool ctl_packets_load(struct ctl *c, const char *call, struct ctl_packets *ret);
void ctl_packets_free(struct ctl_packets *p);

/* Removes ids from the index whose traces are gone, and returns those that are left. A failure is
 * explained. */
MUST_CHECK bool ctl_packets_traces(struct ctl *c, struct names *ret);

#endif
