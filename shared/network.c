#include "network.h"

#include "num.h"

enum { BYTE_BITS = 8, IPV4_BITS = 32, IPV6_BITS = 128 };

struct bytes {
    const unsigned char *p;
    unsigned bits;
};

static struct bytes bytes_of(const struct addr *a)
{
    if (a->sa.sa_family == AF_INET6)
        return (struct bytes){a->v6.sin6_addr.s6_addr, IPV6_BITS};
    return (struct bytes){(const unsigned char *)&a->v4.sin_addr, IPV4_BITS};
}

static unsigned bit(struct bytes b, unsigned i)
{
    unsigned byte = b.p[i / BYTE_BITS];
    return byte >> (BYTE_BITS - 1 - i % BYTE_BITS) & 1U;
}

static bool tail_is_zero(struct bytes b, unsigned from)
{
    for (unsigned i = from; i < b.bits; i++) {
        if (bit(b, i))
            return false;
    }
    return true;
}

int network_parse(struct span s, struct network *ret)
{
    struct network n;
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    struct span host = {s.p, slash ? (size_t)(slash - s.p) : s.n};
    if (addr_parse(host, 0, &n.base) != ERR_OK)
        return ERR_INVALID;
    int64_t bits = bytes_of(&n.base).bits;
    struct span length = slash ? (struct span){slash + 1, s.n - host.n - 1} : (struct span){0};
    if (slash && num_parse(length, 0, bits, &bits) != ERR_OK)
        return ERR_INVALID;
    n.bits = (unsigned)bits;
    if (!tail_is_zero(bytes_of(&n.base), n.bits))
        return ERR_INVALID;
    *ret = n;
    return ERR_OK;
}

bool network_holds(const struct network *n, const struct addr *a)
{
    struct bytes base = bytes_of(&n->base), b = bytes_of(a);
    if (base.bits != b.bits)
        return false;
    size_t whole = n->bits / BYTE_BITS;
    if (memcmp(base.p, b.p, whole) != 0)
        return false;
    for (unsigned i = (unsigned)whole * BYTE_BITS; i < n->bits; i++) {
        if (bit(base, i) != bit(b, i))
            return false;
    }
    return true;
}

int network_list_check(struct span list)
{
    struct network n;
    struct span part;
    while (span_cut(&list, ',', &part)) {
        if (network_parse(part, &n) != ERR_OK)
            return ERR_INVALID;
    }
    return ERR_OK;
}

bool network_list_holds(struct span list, const struct addr *a)
{
    struct network n;
    struct span part;
    while (span_cut(&list, ',', &part)) {
        if (network_parse(part, &n) == ERR_OK && network_holds(&n, a))
            return true;
    }
    return false;
}
