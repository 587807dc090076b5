/* Packets as a receiver checks them: lengths, checksums, sequence numbers, the message whole. */
#include <stdlib.h>

#include "cmocka_all.h"

#include "packet.h"

enum { MOST = 70000, ROUNDS = 300 };

/* What arrived of one message. */
struct heard {
    const struct packet_way *way;
    char *bytes;
    size_t n, packets;
    bool pushed;
};

static size_t u16(const unsigned char *p)
{
    return (size_t)p[0] << 8 | p[1];
}

static uint32_t u32(const unsigned char *p)
{
    return (uint32_t)(u16(p) << 16 | u16(p + 2));
}

/* RFC 1071: a sum over all, its checksum too, is all ones. */
static uint32_t sum(uint32_t s, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return s;
}

static void assert_host(const struct addr *a, const unsigned char *p, bool v6)
{
    const void *host = v6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr;
    assert_memory_equal(host, p, v6 ? 16 : 4);
}

static void hear_payload(struct heard *h, const unsigned char *p, size_t n)
{
    memcpy(h->bytes + h->n, p, n);
    h->n += n;
    h->packets++;
}

static void hear_tcp(struct heard *h, const unsigned char *p, size_t n)
{
    assert_true(n > 20 && p[12] >> 4 == 5);
    assert_int_equal(u32(p + 4), (uint32_t)(h->way->seq + 1 + h->n));
    assert_int_equal(u32(p + 8), h->way->ack + 1);
    assert_true(p[13] & 0x10 && !h->pushed);
    h->pushed = p[13] & 0x08;
    hear_payload(h, p + 20, n - 20);
}

static void hear_udp(struct heard *h, const unsigned char *p, size_t n)
{
    assert_true(n >= 8 && u16(p + 4) == n && u16(p + 6) != 0);
    hear_payload(h, p + 8, n - 8);
}

static bool hear(void *arg, struct span packet)
{
    struct heard *h = arg;
    const unsigned char *p = (const unsigned char *)packet.p;
    bool v6 = h->way->from->sa.sa_family == AF_INET6;
    size_t head = v6 ? 40 : 20, hosts = v6 ? 32 : 8, n = packet.n - head;
    unsigned char protocol = v6 ? p[6] : p[9];
    assert_int_equal(p[0] >> 4, v6 ? 6 : 4);
    assert_int_equal(v6 ? u16(p + 4) + 40 : u16(p + 2), packet.n);
    assert_true(v6 || (p[0] == 0x45 && sum(0, p, 20) == 0xffff));
    assert_int_equal(protocol, h->way->stream ? IPPROTO_TCP : IPPROTO_UDP);
    assert_host(h->way->from, p + head - hosts, v6);
    assert_host(h->way->to, p + head - hosts / 2, v6);
    uint32_t pseudo = sum((uint32_t)(protocol + n), p + head - hosts, hosts);
    assert_int_equal(sum(pseudo, p + head, n), 0xffff);
    assert_int_equal(u16(p + head), addr_port(h->way->from));
    assert_int_equal(u16(p + head + 2), addr_port(h->way->to));
    if (h->way->stream)
        hear_tcp(h, p + head, n);
    else
        hear_udp(h, p + head, n);
    return true;
}

static void try_one(struct packet_way *way, const char *bytes, size_t n)
{
    static char room[MOST];
    struct heard h = {.way = way, .bytes = room};
    size_t most = way->stream ? MOST : way->from->sa.sa_family == AF_INET6 ? 65527 : 65507;
    assert_int_equal(packet_each(way, (struct span){bytes, n}, hear, &h), n <= most);
    if (n > most) {
        assert_int_equal(h.packets, 0);
        return;
    }
    assert_int_equal(h.n, n);
    assert_memory_equal(room, bytes, n);
    assert_true(h.pushed || !way->stream || n == 0);
    assert_int_equal(h.packets, way->stream ? (n + PACKET_SEGMENT - 1) / PACKET_SEGMENT : 1);
}

static struct addr place(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse_port(span_of(text), 0, &a), ERR_OK);
    return a;
}

static void test_any_message(void **state)
{
    static const size_t sizes[] = {0,     1,     2,     600,   601,   16384,
                                   16385, 65507, 65508, 65527, 65528, 65535};
    static char bytes[MOST];
    struct addr v4[] = {place("192.0.2.1:5060"), place("198.51.100.9:65535")};
    struct addr v6[] = {place("[2001:db8::1]:5060"), place("[::1]:1")};
    (void)state;
    srandom(7);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct addr *a = i & 1 ? v6 : v4;
        struct packet_way way = {.from = &a[i >> 1 & 1],
                                 .to = &a[~i >> 1 & 1],
                                 .stream = i >> 2 & 1,
                                 .seq = (uint32_t)random() * 3,
                                 .ack = (uint32_t)random() * 3};
        size_t n = i < 8 * 12 ? sizes[i / 8] : (size_t)random() % 3000;
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)random();
        try_one(&way, bytes, n);
    }
}

/* The one payload whose sum would be sent as "no checksum". */
static void test_udp_checksum_is_never_zero(void **state)
{
    struct addr a = place("192.0.2.1:5060");
    struct packet_way way = {.from = &a, .to = &a};
    unsigned char bytes[2];
    (void)state;
    for (unsigned v = 0; v < 0x10000; v++) {
        bytes[0] = (unsigned char)(v >> 8);
        bytes[1] = (unsigned char)v;
        try_one(&way, (const char *)bytes, 2);
    }
}

static void test_two_families_make_no_packet(void **state)
{
    struct addr four = place("192.0.2.1:5060"), six = place("[::1]:5060");
    struct packet_way way = {.from = &four, .to = &six};
    struct heard h = {.way = &way};
    (void)state;
    assert_false(packet_each(&way, SPAN_LIT("x"), hear, &h));
}

static bool stop(void *arg, struct span packet)
{
    (void)packet;
    ++*(int *)arg;
    return false;
}

static void test_the_walk_can_be_ended(void **state)
{
    static char bytes[3 * PACKET_SEGMENT];
    struct addr four = place("192.0.2.1:5060");
    struct packet_way way = {.from = &four, .to = &four, .stream = true};
    int n = 0;
    (void)state;
    assert_false(packet_each(&way, (struct span){bytes, sizeof bytes}, stop, &n));
    assert_int_equal(n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_message),
        cmocka_unit_test(test_udp_checksum_is_never_zero),
        cmocka_unit_test(test_two_families_make_no_packet),
        cmocka_unit_test(test_the_walk_can_be_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
