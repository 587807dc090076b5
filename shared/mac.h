/* A short message authentication code, cheap enough for every SIP request: SipHash-2-4 (Aumasson,
 * Bernstein 2012). */
#ifndef TRUNKLINE_MAC_H
#define TRUNKLINE_MAC_H

#include <stdint.h>

#include "span.h"

struct mac_key {
    uint64_t k[2];
};

/* The key that a secret text stands for: the first half of its SHA-256. */
struct mac_key mac_key_of(struct span secret);

/* 64 bits: nobody without the key guesses them better than by chance. */
uint64_t mac_of(const struct mac_key *key, struct span data);

#endif
