/* Packets for capture files: IPv4 or IPv6 and UDP or TCP headers around a message, with checksums.
 * Nothing is before the IP header (link type RAW). */
#ifndef TRUNKLINE_PACKET_H
#define TRUNKLINE_PACKET_H

#include "addr.h"

enum {
    PACKET_HEAD = 60,         /* most bytes before the payload */
    PACKET_SEGMENT = 16384,   /* most bytes of a message in one TCP packet */
    PACKET_MAX = 64 * 1024,   /* bytes of a packet: more than any has */
    PACKET_LINKTYPE_RAW = 101 /* https://www.tcpdump.org/linktypes.html */
};

/* How a message travelled. */
struct packet_way {
    const struct addr *from, *to; /* of one family */
    bool stream;                  /* TCP; else UDP */
    uint32_t seq;                 /* TCP: bytes that went this way before; wraps */
    uint32_t ack;                 /* TCP: bytes that came the other way */
};

/* False ends the walk. */
typedef bool packet_fn(void *arg, struct span packet);

/* Hands over the packets that carry a message: one datagram, or segments. False: fn said so, or
 * there is no such packet (two families, a message beyond what a datagram holds). */
bool packet_each(const struct packet_way *way, struct span message, packet_fn *fn, void *arg);

#endif
