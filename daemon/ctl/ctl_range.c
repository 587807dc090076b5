#include "ctl_range.h"

#include <arpa/inet.h>

#include "num.h"

enum { SHORTEST_BLOCK = 24, IPV4_BITS = 32 };

static int parse_block(struct span bits_text, struct range *r)
{
    int64_t bits;
    if (r->first.sa.sa_family != AF_INET)
        return ERR_INVALID;
    int ret = num_parse(bits_text, SHORTEST_BLOCK, IPV4_BITS, &bits);
    if (ret < 0)
        return ret;
    r->count = 1U << (IPV4_BITS - bits);
    return ntohl(r->first.v4.sin_addr.s_addr) % r->count == 0 ? ERR_OK : ERR_INVALID;
}

int ctl_range_parse(struct span s, struct range *ret)
{
    struct range r = {.count = 1};
    const char *slash = memchr(s.p, '/', s.n);
    struct span host = {s.p, slash ? (size_t)(slash - s.p) : s.n};
    int err = addr_parse(host, 0, &r.first);
    if (err == ERR_OK && slash)
        err = parse_block((struct span){slash + 1, s.n - host.n - 1}, &r);
    if (err == ERR_OK && addr_is_unroutable(&r.first))
        err = ERR_RANGE;
    if (err == ERR_OK)
        *ret = r;
    return err;
}

const char *ctl_range_text(const struct range *r, unsigned i, char buf[ADDR_TEXT])
{
    struct addr a = r->first;
    if (i > 0)
        a.v4.sin_addr.s_addr = htonl(ntohl(a.v4.sin_addr.s_addr) + i);
    return addr_text(&a, buf);
}
