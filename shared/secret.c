#include "secret.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>

#include "log.h"

/* Writes 2n hex digits and NUL; `bytes` may lie in the upper half of buf. */
static void put_hex(const unsigned char *bytes, size_t n, char *buf)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        unsigned char b = bytes[i];
        buf[2 * i] = DIGITS[b >> 4];
        buf[2 * i + 1] = DIGITS[b & 15];
    }
    buf[2 * n] = '\0';
}

int secret_random_hex(size_t n, char *buf)
{
    unsigned char *bytes = (unsigned char *)buf + n;
    if (n > INT_MAX)
        return ERR_INVALID;
    if (RAND_bytes(bytes, (int)n) != 1)
        return ERR_SYSTEM;
    put_hex(bytes, n, buf);
    return ERR_OK;
}

/* A digest that can't be computed must never be taken for one that matches. */
static void check(bool ok)
{
    if (ok)
        return;
    log_error("libcrypto can't compute a digest");
    abort();
}

/* Fetched once: looking it up costs as much as a short digest. */
static const EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void secret_sha256_hex(struct span data, char ret[SECRET_SHA256_HEX])
{
    unsigned char md[SHA256_DIGEST_LENGTH];
    pthread_once(&sha256_once, fetch_sha256);
    check(sha256 && EVP_Digest(data.n > 0 ? data.p : "", data.n, md, NULL, sha256, NULL) == 1);
    put_hex(md, sizeof(md), ret);
}

void secret_hmac_hex(struct span key, struct span data, size_t n, char *buf)
{
    unsigned char md[SHA256_DIGEST_LENGTH];
    check(n <= sizeof(md) && key.n <= INT_MAX);
    const unsigned char *bytes = (const unsigned char *)(data.n > 0 ? data.p : "");
    check(HMAC(EVP_sha256(), key.n > 0 ? key.p : "", (int)key.n, bytes, data.n, md, NULL) != NULL);
    put_hex(md, n, buf);
}

bool secret_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
