/* What a frame carried to SIP: one datagram of UDP, or one segment of TCP. */
#ifndef TRUNKLINE_TAP_PACKET_H
#define TRUNKLINE_TAP_PACKET_H

#include "addr.h"

struct tap_packet {
    int64_t at_us; /* unix time of its capture */
    struct addr from, to;
    bool tcp;
    uint32_t seq;       /* tcp: of the first byte of payload */
    bool syn, fin, rst; /* tcp */
    struct span payload;
};

#endif
