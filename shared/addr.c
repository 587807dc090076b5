#include "addr.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "num.h"

enum { PORT_DIGITS = 5 };

static void set_v4(struct addr *a, struct in_addr ip, uint16_t port)
{
    *a = (struct addr){
        .v4 = {.sin_family = AF_INET, .sin_addr = ip, .sin_port = htons(port)}
    };
}

static void set_v6(struct addr *a, const struct in6_addr *ip, uint16_t port)
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        struct in_addr v4;
        memcpy(&v4, ip->s6_addr + 12, sizeof(v4));
        set_v4(a, v4, port);
        return;
    }
    *a = (struct addr){
        .v6 = {.sin6_family = AF_INET6, .sin6_addr = *ip, .sin6_port = htons(port)}
    };
}

int addr_parse(struct span s, uint16_t port, struct addr *ret)
{
    bool brackets = s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
    if (brackets)
        s = (struct span){s.p + 1, s.n - 2};
    char text[ADDR_TEXT];
    if (!span_copy(s, text, sizeof(text)))
        return ERR_INVALID;
    struct in_addr v4;
    struct in6_addr v6;
    if (!brackets && inet_pton(AF_INET, text, &v4) == 1)
        set_v4(ret, v4, port);
    else if (inet_pton(AF_INET6, text, &v6) == 1)
        set_v6(ret, &v6, port);
    else
        return ERR_INVALID;
    return ERR_OK;
}

/* The colon before a port; NULL when there is none: an IPv6 address without brackets has several.
 */
static const char *port_colon(struct span s)
{
    if (s.n == 0)
        return NULL;
    const char *colon = memrchr(s.p, ':', s.n);
    if (colon == NULL || colon == s.p)
        return NULL;
    if (s.p[0] == '[')
        return colon[-1] == ']' ? colon : NULL;
    return memchr(s.p, ':', s.n) == colon ? colon : NULL;
}

int addr_parse_port(struct span s, uint16_t default_port, struct addr *ret)
{
    const char *colon = port_colon(s);
    if (colon == NULL)
        return addr_parse(s, default_port, ret);
    struct span host = {s.p, (size_t)(colon - s.p)};
    struct span port = {colon + 1, s.n - host.n - 1};
    int64_t n;
    if (port.n > PORT_DIGITS || num_parse(port, 1, UINT16_MAX, &n) != ERR_OK)
        return ERR_INVALID;
    return addr_parse(host, (uint16_t)n, ret);
}

const char *addr_text(const struct addr *a, char buf[ADDR_TEXT])
{
    const void *ip = a->sa.sa_family == AF_INET6 ? (const void *)&a->v6.sin6_addr
                                                 : (const void *)&a->v4.sin_addr;
    int family = a->sa.sa_family == AF_INET6 ? AF_INET6 : AF_INET;
    inet_ntop(family, ip, buf, ADDR_TEXT);
    return buf;
}

const char *addr_port_text(const struct addr *a, char buf[ADDR_PORT_TEXT])
{
    char host[ADDR_TEXT];
    bool v6 = a->sa.sa_family == AF_INET6;
    snprintf(buf, ADDR_PORT_TEXT, "%s%s%s:%u", v6 ? "[" : "", addr_text(a, host), v6 ? "]" : "",
             (unsigned)addr_port(a));
    return buf;
}

uint16_t addr_port(const struct addr *a)
{
    return ntohs(a->sa.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

socklen_t addr_len(const struct addr *a)
{
    return a->sa.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

bool addr_eq_host(const struct addr *a, const struct addr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET6)
        return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return addr_eq_host(a, b) && addr_port(a) == addr_port(b);
}

bool addr_is_loopback(const struct addr *a)
{
    if (a->sa.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
    return ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* 0/8 this network, 169.254/16 link-local, 224/4 multicast, 240/4 reserved and broadcast. */
static bool v4_is_unroutable(uint32_t ip)
{
    return ip >> 24 == 0 || ip >> 16 == 0xa9fe || ip >> 28 >= 0xe;
}

/* 64:ff9b::/96 (RFC 6052) around an IPv4 address that no call may go to. */
static bool is_disguised(const struct in6_addr *ip)
{
    static const unsigned char prefix[12] = {0x00, 0x64, 0xff, 0x9b};
    uint32_t inner;
    memcpy(&inner, ip->s6_addr + sizeof prefix, sizeof inner);
    inner = ntohl(inner);
    return memcmp(ip->s6_addr, prefix, sizeof prefix) == 0 &&
           (inner >> 24 == IN_LOOPBACKNET || v4_is_unroutable(inner));
}

bool addr_is_unroutable(const struct addr *a)
{
    if (a->sa.sa_family != AF_INET6)
        return v4_is_unroutable(ntohl(a->v4.sin_addr.s_addr));
    const struct in6_addr *ip = &a->v6.sin6_addr;
    return IN6_IS_ADDR_UNSPECIFIED(ip) || IN6_IS_ADDR_MULTICAST(ip) || IN6_IS_ADDR_LINKLOCAL(ip) ||
           IN6_IS_ADDR_V4COMPAT(ip) || is_disguised(ip);
}
