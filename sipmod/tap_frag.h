/* Fragments of IP packets until a packet is whole (RFC 791, RFC 8200 §4.5). A packet whose
 * fragments overlap is dropped as a whole (RFC 5722): what a receiver made of it is not known.
 * Bounded in packets, bytes and time. */
#ifndef TRUNKLINE_TAP_FRAG_H
#define TRUNKLINE_TAP_FRAG_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

enum {
    TAP_FRAG_PACKETS = 256, /* under way; beyond, the oldest is dropped */
    TAP_FRAG_PIECES = 128,  /* of one packet */
    TAP_FRAG_BYTES = 65535, /* of one packet */
    TAP_FRAG_US = 30000000, /* from its first fragment to its last */
};

/* Whose fragments these are. */
struct tap_frag_key {
    unsigned char from[16], to[16]; /* IPv4 in the first four bytes */
    uint32_t id;
    uint8_t version, protocol; /* zeroed as a whole first: it is compared by its bytes */
    uint16_t zero;
};

struct tap_frags;

MUST_CHECK int tap_frags_new(struct tap_frags **ret);
void tap_frags_free(struct tap_frags *f); /* accepts NULL */

enum tap_frag_found { TAP_FRAG_MORE, TAP_FRAG_WHOLE, TAP_FRAG_REFUSED };

/* Adds `piece`, which lies at `offset` of the packet's payload; `last`: none lies behind it.
 * TAP_FRAG_WHOLE: *ret is the payload, borrowed until the next call. */
enum tap_frag_found tap_frag_add(struct tap_frags *f, const struct tap_frag_key *key, int64_t at_us,
                                 size_t offset, bool last, struct span piece, struct span *ret);

#endif
