/* Random bytes, digests and comparisons in constant time (OpenSSL). */
#ifndef TRUNKLINE_SECRET_H
#define TRUNKLINE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "span.h"

enum { SECRET_SHA256_HEX = 65 }; /* with NUL */

/* Fills buf with n random bytes as lower-case hex and NUL: buf holds 2n+1. */
MUST_CHECK int secret_random_hex(size_t n, char *buf);

/* Lower-case hex of SHA-256. */
void secret_sha256_hex(struct span data, char ret[SECRET_SHA256_HEX]);

/* HMAC-SHA256 cut to the first n bytes (n <= 32), as hex: buf holds 2n+1. */
void secret_hmac_hex(struct span key, struct span data, size_t n, char *buf);

/* Compares in time that depends on the lengths alone. */
bool secret_eq(struct span a, struct span b);

#endif
