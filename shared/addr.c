#include "addr.h"

#include <arpa/inet.h>

#include "num.h"
#include "text.h"

enum { PORT_DIGITS = 5, LONGEST_LABEL = 63, LONGEST_NAME = 253 };

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

/* The host before a port; *port stays as it is when there is none. False: no port can be so. */
static bool cut_port(struct span s, struct span *ret_host, uint16_t *port)
{
    const char *colon = port_colon(s);
    int64_t n;
    *ret_host = s;
    if (colon == NULL)
        return true;
    ret_host->n = (size_t)(colon - s.p);
    struct span text = {colon + 1, s.n - ret_host->n - 1};
    if (text.n > PORT_DIGITS || num_parse(text, 1, UINT16_MAX, &n) != ERR_OK)
        return false;
    *port = (uint16_t)n;
    return true;
}

int addr_parse_port(struct span s, uint16_t default_port, struct addr *ret)
{
    struct span host;
    if (!cut_port(s, &host, &default_port))
        return ERR_INVALID;
    return addr_parse(host, default_port, ret);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_label(struct span s, bool *ret_number)
{
    *ret_number = true;
    if (s.n == 0 || s.n > LONGEST_LABEL || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool letter = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z');
        if (!letter && !is_digit(s.p[i]) && s.p[i] != '-')
            return false;
        *ret_number &= is_digit(s.p[i]);
    }
    return true;
}

static bool is_name(struct span s)
{
    bool number = true;
    size_t from = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '.')
            continue;
        if (!is_label((struct span){s.p + from, i - from}, &number))
            return false;
        from = i + 1;
    }
    return !number && s.n <= LONGEST_NAME;
}

int addr_parse_name(struct span s, struct span *ret_name, uint16_t *ret_port)
{
    struct span name;
    uint16_t port = 0;
    if (!cut_port(s, &name, &port) || !is_name(name))
        return ERR_INVALID;
    *ret_name = name;
    *ret_port = port;
    return ERR_OK;
}

/* Dotted decimal: inet_ntop would print it. */
static void put_v4(struct in_addr ip, char *p)
{
    unsigned char bytes[sizeof(ip)];
    memcpy(bytes, &ip, sizeof(ip));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        p = text_digits(bytes[i], p);
        *p++ = '.';
    }
    p[-1] = '\0';
}

const char *addr_text(const struct addr *a, char buf[ADDR_TEXT])
{
    if (a->sa.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &a->v6.sin6_addr, buf, ADDR_TEXT);
    else
        put_v4(a->v4.sin_addr, buf);
    return buf;
}

const char *addr_port_text(const struct addr *a, char buf[ADDR_PORT_TEXT])
{
    char *p = buf;
    bool v6 = a->sa.sa_family == AF_INET6;
    if (v6)
        *p++ = '[';
    addr_text(a, p);
    p += strlen(p);
    if (v6)
        *p++ = ']';
    *p++ = ':';
    *text_digits(addr_port(a), p) = '\0';
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

/* The IPv4 address within 64:ff9b::/96 (RFC 6052). */
static bool translated_v4(const struct in6_addr *ip, uint32_t *ret)
{
    static const unsigned char prefix[12] = {0x00, 0x64, 0xff, 0x9b};
    uint32_t inner;
    memcpy(&inner, ip->s6_addr + sizeof prefix, sizeof inner);
    *ret = ntohl(inner);
    return memcmp(ip->s6_addr, prefix, sizeof prefix) == 0;
}

/* Such a one around an IPv4 address that no call may go to. */
static bool is_disguised(const struct in6_addr *ip)
{
    uint32_t inner;
    return translated_v4(ip, &inner) && (inner >> 24 == IN_LOOPBACKNET || v4_is_unroutable(inner));
}

bool addr_is_unroutable(const struct addr *a)
{
    if (a->sa.sa_family != AF_INET6)
        return v4_is_unroutable(ntohl(a->v4.sin_addr.s_addr));
    const struct in6_addr *ip = &a->v6.sin6_addr;
    return IN6_IS_ADDR_UNSPECIFIED(ip) || IN6_IS_ADDR_MULTICAST(ip) || IN6_IS_ADDR_LINKLOCAL(ip) ||
           IN6_IS_ADDR_V4COMPAT(ip) || is_disguised(ip);
}

/* IPv4 networks that are not the public Internet's, beside those of v4_is_unroutable. */
static const struct {
    uint32_t network;
    unsigned bits;
} PRIVATE_V4[] = {
    {0x0a000000, 8 }, /* 10/8: private */
    {0x64400000, 10}, /* 100.64/10: shared between carriers and customers */
    {0x7f000000, 8 }, /* 127/8: loopback */
    {0xac100000, 12}, /* 172.16/12: private */
    {0xc0000000, 24}, /* 192.0.0/24: protocol assignments */
    {0xc0000200, 24}, /* 192.0.2/24: documentation */
    {0xc0586300, 24}, /* 192.88.99/24: relays of 6to4 */
    {0xc0a80000, 16}, /* 192.168/16: private */
    {0xc6120000, 15}, /* 198.18/15: benchmarks */
    {0xc6336400, 24}, /* 198.51.100/24: documentation */
    {0xcb007100, 24}, /* 203.0.113/24: documentation */
};

static bool v4_is_public(uint32_t ip)
{
    for (size_t i = 0; i < sizeof(PRIVATE_V4) / sizeof(*PRIVATE_V4); i++) {
        if ((ip ^ PRIVATE_V4[i].network) >> (32 - PRIVATE_V4[i].bits) == 0)
            return false;
    }
    return !v4_is_unroutable(ip);
}

/* Of 2000::/3, and no tunnel: 2001::/23 (Teredo among them), documentation, 2002::/16 (6to4). */
static bool v6_is_public(const unsigned char ip[16])
{
    unsigned head = (unsigned)ip[0] << 8 | ip[1], next = (unsigned)ip[2] << 8 | ip[3];
    return head >> 13 == 1 && head != 0x2002 &&
           !(head == 0x2001 && (next < 0x200 || next == 0x0db8)) &&
           !(head == 0x3fff && next < 0x1000);
}

bool addr_is_public(const struct addr *a)
{
    if (a->sa.sa_family == AF_INET)
        return v4_is_public(ntohl(a->v4.sin_addr.s_addr));
    if (a->sa.sa_family != AF_INET6)
        return false;
    uint32_t inner;
    if (translated_v4(&a->v6.sin6_addr, &inner))
        return v4_is_public(inner);
    return v6_is_public(a->v6.sin6_addr.s6_addr);
}
