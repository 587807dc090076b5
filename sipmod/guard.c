#include "guard.h"

#include <stdlib.h>
#include <string.h>

#include "secret.h"

enum {
    SETS = 4096,
    WAYS = 4,
    TOKEN = 1000, /* parts of a token: a rate of one a second gives one part each millisecond */
    HOST_BYTES = 16,
    SEED_BYTES = 8,
    REFUSALS = 8192,
    REFUSED_MS = 32000, /* timer B of RFC 3261 with the usual T1: nobody repeats for longer */
};

struct refusal {
    uint64_t request, until_ms;
};

struct bucket {
    uint8_t host[HOST_BYTES]; /* IPv4 as IPv4-mapped IPv6 */
    uint64_t at_ms;           /* last taken from; 0: free */
    int64_t parts[GUARD_KINDS];
};

struct guard {
    const struct conf *conf;
    uint64_t seed; /* nobody outside can choose addresses that collide */
    struct bucket buckets[SETS][WAYS];
    struct refusal refusals[REFUSALS];
};

int guard_new(struct guard **ret, const struct conf *conf)
{
    char hex[2 * SEED_BYTES + 1];
    struct guard *g = calloc(1, sizeof *g);
    if (!g)
        return ERR_NOMEM;
    int err = secret_random_hex(SEED_BYTES, hex);
    if (err != ERR_OK) {
        free(g);
        return err;
    }
    g->conf = conf;
    g->seed = strtoull(hex, NULL, 16);
    *ret = g;
    return ERR_OK;
}

void guard_free(struct guard *g)
{
    free(g);
}

/* ---- buckets ---- */

static int64_t rate_of(const struct guard *g, enum guard_kind kind)
{
    switch (kind) {
    case GUARD_MESSAGE:
        return g->conf->sip.source_rate;
    case GUARD_INVITE:
        return g->conf->sip.source_invite_rate;
    case GUARD_REPLY:
    case GUARD_KINDS:
        break;
    }
    return g->conf->sip.stranger_rate;
}

static void host_of(const struct addr *a, uint8_t ret[HOST_BYTES])
{
    if (a->sa.sa_family == AF_INET6) {
        memcpy(ret, &a->v6.sin6_addr, HOST_BYTES);
        return;
    }
    memset(ret, 0, 10);
    memset(ret + 10, 0xff, 2);
    memcpy(ret + 12, &a->v4.sin_addr, 4);
}

/* A mixer of 64 bits after Stafford; seeded. */
static size_t set_of(const struct guard *g, const uint8_t host[HOST_BYTES])
{
    uint64_t half[2], x;
    memcpy(half, host, sizeof half);
    x = half[0] ^ g->seed;
    for (int i = 0; i < 2; i++) {
        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
        x ^= x >> 31;
        x += half[1];
    }
    return (size_t)(x % SETS);
}

static struct bucket *find(struct guard *g, const struct addr *source, uint64_t now_ms)
{
    uint8_t host[HOST_BYTES];
    host_of(source, host);
    struct bucket *set = g->buckets[set_of(g, host)], *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].at_ms && memcmp(set[i].host, host, HOST_BYTES) == 0)
            return &set[i];
        if (set[i].at_ms < oldest->at_ms)
            oldest = &set[i];
    }
    memcpy(oldest->host, host, HOST_BYTES);
    oldest->at_ms = now_ms;
    for (enum guard_kind kind = 0; kind < GUARD_KINDS; kind++)
        oldest->parts[kind] = rate_of(g, kind) * TOKEN;
    return oldest;
}

static void refill(const struct guard *g, struct bucket *b, uint64_t now_ms)
{
    int64_t elapsed = now_ms > b->at_ms ? (int64_t)(now_ms - b->at_ms) : 0;
    if (elapsed > TOKEN)
        elapsed = TOKEN; /* full after a second */
    for (enum guard_kind kind = 0; kind < GUARD_KINDS; kind++) {
        int64_t rate = rate_of(g, kind), full = rate * TOKEN;
        b->parts[kind] += elapsed * rate;
        if (b->parts[kind] > full)
            b->parts[kind] = full;
    }
    b->at_ms = now_ms;
}

bool guard_take(struct guard *g, enum guard_kind kind, const struct addr *source, uint64_t now_ms)
{
    struct bucket *b = find(g, source, now_ms + 1); /* 0 stands for free */
    refill(g, b, now_ms + 1);
    if (b->parts[kind] < TOKEN)
        return false;
    b->parts[kind] -= TOKEN;
    return true;
}

/* ---- overload ---- */

void guard_refuse(struct guard *g, uint64_t request, uint64_t now_ms)
{
    g->refusals[request % REFUSALS] = (struct refusal){request, now_ms + REFUSED_MS};
}

bool guard_was_refused(const struct guard *g, uint64_t request, uint64_t now_ms)
{
    const struct refusal *r = &g->refusals[request % REFUSALS];
    return r->request == request && now_ms < r->until_ms;
}

const char *guard_overload(const struct guard *g, const struct guard_load *load)
{
    if (load->transactions >= (size_t)g->conf->sip.transactions_max)
        return "too many calls in setup";
    if (load->admissions >= (size_t)g->conf->sip.admissions_max)
        return "the store is slow";
    if (load->lag_ms >= (uint64_t)g->conf->sip.lag_ms)
        return "too busy";
    return NULL;
}
