/* From a captured frame to the UDP datagram or TCP segment in it: link layer, VLAN tags (802.1Q,
 * QinQ), IPv4 and IPv6 with their fragments. All bytes are a stranger's. Checksums are not looked
 * at: a card that fills them in later shows wrong ones to who captures. */
#ifndef TRUNKLINE_TAP_FRAME_H
#define TRUNKLINE_TAP_FRAME_H

#include "tap_packet.h"

enum tap_link {
    TAP_LINK_ETHERNET,
    TAP_LINK_COOKED,  /* Linux cooked, version 1 */
    TAP_LINK_COOKED2, /* version 2 */
    TAP_LINK_RAW,     /* begins with the IP header */
    TAP_LINK_FAMILY,  /* four bytes of address family before it: BSD's NULL and LOOP */
    TAP_LINKS,
};

struct tap_frame {
    int64_t at_us; /* unix time; below 0: a time that can't be */
    enum tap_link link;
    struct span bytes; /* as captured */
    size_t on_wire;    /* bytes that the frame had */
};

enum tap_found {
    TAP_FOUND_PACKET,
    TAP_FOUND_OTHER,     /* neither UDP nor TCP over IP */
    TAP_FOUND_FRAGMENT,  /* kept until the others come */
    TAP_FOUND_CUT,       /* the capture didn't keep all of its bytes */
    TAP_FOUND_MALFORMED, /* its headers or its time can't be */
    TAP_FOUND_REFUSED,   /* fragments that overlap, or are too many */
    TAP_FOUND_COUNT,
};

struct tap_frames;

MUST_CHECK int tap_frames_new(struct tap_frames **ret);
void tap_frames_free(struct tap_frames *f); /* accepts NULL */

/* Reads one frame. Its payload is borrowed from the frame or, of fragments, from `f` until the next
 * call. */
enum tap_found tap_frame_read(struct tap_frames *f, const struct tap_frame *frame,
                              struct tap_packet *ret);

#endif
