#include "packet.h"

enum {
    IPV4_HEAD = 20,
    IPV6_HEAD = 40,
    UDP_HEAD = 8,
    TCP_HEAD = 20,
    HOPS = 64,
    DONT_FRAGMENT = 0x4000, /* with it the identification may be zero (RFC 6864) */
    ACK_PSH = 0x18,
    ACK = 0x10,
    WINDOW = 65535,
    TOTAL_MAX = 65535,
};

static void put16(unsigned char *p, size_t v)
{
    p[0] = (unsigned char)(v >> 8);
    p[1] = (unsigned char)v;
}

static void put32(unsigned char *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* ---- checksums (RFC 1071) ---- */

/* Adds bytes that begin at an even place to a sum of 16-bit words. */
static uint64_t sum_bytes(uint64_t sum, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (; n > 1; p += 2, n -= 2)
        sum += (uint64_t)p[0] << 8 | p[1];
    return n ? sum + ((uint64_t)p[0] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Of the pseudo header (RFC 768, RFC 9293 §3.1, RFC 8200 §8.1). */
static uint64_t sum_addresses(const struct packet_way *w, uint8_t protocol, size_t n)
{
    uint64_t sum = protocol + n;
    if (w->from->sa.sa_family == AF_INET6) {
        sum = sum_bytes(sum, &w->from->v6.sin6_addr, 16);
        return sum_bytes(sum, &w->to->v6.sin6_addr, 16);
    }
    sum = sum_bytes(sum, &w->from->v4.sin_addr, 4);
    return sum_bytes(sum, &w->to->v4.sin_addr, 4);
}

/* ---- headers: bytes written; `n` of what follows ---- */

static size_t put_ipv4(unsigned char *p, const struct packet_way *w, uint8_t protocol, size_t n)
{
    memset(p, 0, IPV4_HEAD);
    p[0] = 0x45;
    put16(p + 2, IPV4_HEAD + n);
    put16(p + 6, DONT_FRAGMENT);
    p[8] = HOPS;
    p[9] = protocol;
    memcpy(p + 12, &w->from->v4.sin_addr, 4);
    memcpy(p + 16, &w->to->v4.sin_addr, 4);
    put16(p + 10, fold(sum_bytes(0, p, IPV4_HEAD)));
    return IPV4_HEAD;
}

static size_t put_ipv6(unsigned char *p, const struct packet_way *w, uint8_t protocol, size_t n)
{
    put32(p, UINT32_C(6) << 28);
    put16(p + 4, n);
    p[6] = protocol;
    p[7] = HOPS;
    memcpy(p + 8, &w->from->v6.sin6_addr, 16);
    memcpy(p + 24, &w->to->v6.sin6_addr, 16);
    return IPV6_HEAD;
}

static size_t put_udp(unsigned char *p, const struct packet_way *w, struct span payload)
{
    size_t n = UDP_HEAD + payload.n;
    put16(p, addr_port(w->from));
    put16(p + 2, addr_port(w->to));
    put16(p + 4, n);
    put16(p + 6, 0);
    uint64_t sum = sum_bytes(sum_addresses(w, IPPROTO_UDP, n), p, UDP_HEAD);
    uint16_t check = fold(sum_bytes(sum, payload.p, payload.n));
    put16(p + 6, check ? check : 0xffff); /* zero would say that there is none */
    return UDP_HEAD;
}

static size_t put_tcp(unsigned char *p, const struct packet_way *w, struct span payload, bool last)
{
    memset(p, 0, TCP_HEAD);
    put16(p, addr_port(w->from));
    put16(p + 2, addr_port(w->to));
    put32(p + 4, w->seq + 1); /* the first byte comes after the SYN */
    put32(p + 8, w->ack + 1);
    p[12] = TCP_HEAD / 4 << 4;
    p[13] = last ? ACK_PSH : ACK;
    put16(p + 14, WINDOW);
    uint64_t sum = sum_bytes(sum_addresses(w, IPPROTO_TCP, TCP_HEAD + payload.n), p, TCP_HEAD);
    put16(p + 16, fold(sum_bytes(sum, payload.p, payload.n)));
    return TCP_HEAD;
}

/* ---- packets ---- */

static bool put_packet(const struct packet_way *w, struct span payload, bool last, packet_fn *fn,
                       void *arg)
{
    unsigned char buf[PACKET_MAX + PACKET_HEAD];
    bool v6 = w->from->sa.sa_family == AF_INET6;
    size_t inner = (size_t)(w->stream ? TCP_HEAD : UDP_HEAD) + payload.n;
    if (inner + (v6 ? 0 : IPV4_HEAD) > TOTAL_MAX)
        return false;
    uint8_t protocol = w->stream ? IPPROTO_TCP : IPPROTO_UDP;
    size_t n = v6 ? put_ipv6(buf, w, protocol, inner) : put_ipv4(buf, w, protocol, inner);
    n += w->stream ? put_tcp(buf + n, w, payload, last) : put_udp(buf + n, w, payload);
    if (payload.n)
        memcpy(buf + n, payload.p, payload.n);
    return fn(arg, (struct span){(const char *)buf, n + payload.n});
}

bool packet_each(const struct packet_way *way, struct span message, packet_fn *fn, void *arg)
{
    struct packet_way w = *way;
    if (w.from->sa.sa_family != w.to->sa.sa_family)
        return false;
    if (!w.stream)
        return put_packet(&w, message, true, fn, arg);
    while (message.n > 0) {
        size_t n = message.n < PACKET_SEGMENT ? message.n : PACKET_SEGMENT;
        if (!put_packet(&w, (struct span){message.p, n}, n == message.n, fn, arg))
            return false;
        w.seq += (uint32_t)n;
        message = (struct span){message.p + n, message.n - n};
    }
    return true;
}
