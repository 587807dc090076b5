#include "mac.h"

#include <stdlib.h>

#include "secret.h"

static uint64_t rotate(uint64_t v, int by)
{
    return v << by | v >> (64 - by);
}

static void sip_rounds(uint64_t v[4], int n)
{
    while (n-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32) + v[3];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

/* Up to 8 bytes, the first one lowest. */
static uint64_t little_endian(const char *p, size_t n)
{
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | (unsigned char)p[n];
    return v;
}

uint64_t mac_of(const struct mac_key *key, struct span data)
{
    uint64_t v[4] = {key->k[0] ^ 0x736f6d6570736575, key->k[1] ^ 0x646f72616e646f6d,
                     key->k[0] ^ 0x6c7967656e657261, key->k[1] ^ 0x7465646279746573};
    uint64_t length = (uint64_t)data.n << 56;
    for (; data.n >= 8; data.p += 8, data.n -= 8) {
        uint64_t m = little_endian(data.p, 8);
        v[3] ^= m;
        sip_rounds(v, 2);
        v[0] ^= m;
    }
    uint64_t last = length | little_endian(data.p, data.n);
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct mac_key mac_key_of(struct span secret)
{
    char hex[SECRET_SHA256_HEX];
    secret_sha256_hex(secret, hex);
    char low[17] = {0}, high[17] = {0};
    memcpy(low, hex, 16);
    memcpy(high, hex + 16, 16);
    return (struct mac_key){
        {strtoull(low, NULL, 16), strtoull(high, NULL, 16)}
    };
}
