/* SRV records (RFC 2782) as a name server's answer holds them. */
#ifndef TRUNKLINE_SRV_H
#define TRUNKLINE_SRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum { SRV_MAX = 16, SRV_TARGET = 256 };

struct srv {
    uint16_t priority, weight, port;
    char target[SRV_TARGET]; /* host name without the last dot; empty: there is no such service */
};

/* Reads an answer. Of more records than SRV_MAX those of the lowest priorities are taken, which
 * come first. `ret_ttl`: seconds that this may be kept; of an answer without records what its SOA
 * allows (RFC 2308 §5), -1 if there is none. ERR_INVALID: not an answer that can be read. */
MUST_CHECK int srv_read(const unsigned char *bytes, size_t n, struct srv ret[SRV_MAX],
                        size_t *ret_n, int64_t *ret_ttl);

/* Puts records in the order to try: by priority, equals by chance in proportion to their weights.
 */
void srv_order(struct srv *records, size_t n);

#endif
