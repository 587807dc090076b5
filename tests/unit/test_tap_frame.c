/* From frames to datagrams: what is wrong, cut, fragmented or too much. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "tap_frag.h"
#include "tap_frame.h"

/* IPv4 from 192.0.2.1:5060 to 192.0.2.2:5070, UDP with five bytes. */
#define IP_HEAD(length, fragment, protocol)                                                        \
    "\x45\0\0" length "\0\7" fragment "\x40" protocol "\0\0\xc0\0\2\1\xc0\0\2\2"
#define UDP_HEAD(length) "\x13\xc4\x13\xce\0" length "\0\0"
#define UDP              UDP_HEAD("\x0d") "hello"
#define TAG              "\x81\0\0\5"
#define DATAGRAM         IP_HEAD("\x21", "\0\0", "\x11") UDP
/* TCP with SYN, then with three bytes behind an option. */
#define TCP_SYN  "\x13\xc4\x13\xce\0\0\0\7\0\0\0\0\x50\x02\0\0\0\0\0\0"
#define TCP_DATA "\x13\xc4\x13\xce\0\0\0\x8\0\0\0\0\x60\x18\0\0\0\0\0\0\1\1\1\1abc"
#define MAC      "\1\2\3\4\5\6\1\2\3\4\5\7"
#define V6_HEAD(length, next)                                                                      \
    "\x60\0\0\0\0" length next "\x40"                                                              \
    "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define BYTES(s) (s), sizeof(s) - 1

/* clang-format off */
static const struct {
    enum tap_link link;
    const char *bytes;
    size_t n, missing;
    enum tap_found found;
    const char *payload; /* of a packet */
} CASES[] = {
    {TAP_LINK_RAW, BYTES(DATAGRAM), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_RAW, BYTES(DATAGRAM "padding"), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_FAMILY, BYTES("\2\0\0\0" DATAGRAM), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_ETHERNET, BYTES(MAC "\x08\0" DATAGRAM), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_ETHERNET, BYTES(MAC "\x81\0\0\5\x08\0" DATAGRAM), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_ETHERNET, BYTES(MAC "\x88\xa8\0\1\x81\0\0\5\x08\0" DATAGRAM), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_COOKED, BYTES("\0\0\0\1\0\6\0\0\0\0\0\0\0\0\x08\0" DATAGRAM), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_COOKED2, BYTES("\x08\0\0\0\0\0\0\1\0\1\0\6\0\0\0\0\0\0\0\0" DATAGRAM), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_RAW, BYTES(V6_HEAD("\x0d", "\x11") UDP), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_RAW, BYTES(V6_HEAD("\x15", "\0") "\x11\0\0\0\0\0\0\0" UDP), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_RAW, BYTES(V6_HEAD("\x15", "\x2c") "\x11\0\0\0\0\0\0\1" UDP), 0, TAP_FOUND_PACKET, "hello"},
    {TAP_LINK_RAW, BYTES(IP_HEAD("\x2f", "\0\0", "\x06") TCP_DATA), 0, TAP_FOUND_PACKET, "abc"},
    {TAP_LINK_RAW, BYTES(IP_HEAD("\x28", "\0\0", "\x06") TCP_SYN), 0, TAP_FOUND_PACKET, ""},
    {TAP_LINK_RAW, BYTES(IP_HEAD("\0", "\0\0", "\x06") TCP_DATA), 0, TAP_FOUND_PACKET, "abc"},
    {TAP_LINK_RAW, BYTES(IP_HEAD("\x1c", "\0\0", "\x01") "icmp...."), 0, TAP_FOUND_OTHER, NULL},
    {TAP_LINK_ETHERNET, BYTES(MAC "\x08\6arp"), 0, TAP_FOUND_OTHER, NULL},
    {TAP_LINK_RAW, BYTES(""), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_RAW, BYTES("\x75zzzzzzzzzzzzzzzzzzzzz"), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_RAW, BYTES("\x45\0\0"), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_RAW, BYTES("\x45\0\0"), 9, TAP_FOUND_CUT, NULL},
    {TAP_LINK_RAW, BYTES(IP_HEAD("\x22", "\0\0", "\x11") UDP), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_RAW, BYTES(IP_HEAD("\x21", "\0\0", "\x11") UDP_HEAD("\x0d") "hel"), 2, TAP_FOUND_CUT, NULL},
    {TAP_LINK_RAW, BYTES(IP_HEAD("\x21", "\0\0", "\x11") UDP_HEAD("\7") "hello"), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_RAW, BYTES(IP_HEAD("\x21", "\0\0", "\x11") UDP_HEAD("\x0e") "hello"), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_RAW, BYTES(V6_HEAD("\x0e", "\x11") UDP), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_RAW, BYTES(V6_HEAD("\x15", "\0") "\x11\x9\0\0\0\0\0\0" UDP), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_ETHERNET, BYTES(MAC TAG TAG TAG TAG TAG "\x08\0" DATAGRAM), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_ETHERNET, BYTES(MAC "\x81\0\0"), 0, TAP_FOUND_MALFORMED, NULL},
    {TAP_LINK_COOKED, BYTES("\0\0\0\1"), 0, TAP_FOUND_MALFORMED, NULL},
};
/* clang-format on */

/* In memory of exactly its size. */
static enum tap_found read_bytes(struct tap_frames *f, enum tap_link link, const char *bytes,
                                 size_t n, size_t missing, struct tap_packet *ret, char text[64])
{
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    struct tap_frame frame = {
        .at_us = 5, .link = link, .bytes = {copy, n},
                .on_wire = n + missing
    };
    enum tap_found found = tap_frame_read(f, &frame, ret);
    if (found == TAP_FOUND_PACKET)
        assert_true(span_copy(ret->payload, text, 64));
    free(copy);
    return found;
}

static void test_cases(void **state)
{
    (void)state;
    struct tap_frames *f;
    assert_int_equal(tap_frames_new(&f), ERR_OK);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct tap_packet p;
        char text[64];
        enum tap_found found =
            read_bytes(f, CASES[i].link, CASES[i].bytes, CASES[i].n, CASES[i].missing, &p, text);
        if (found != CASES[i].found)
            fail_msg("case %zu: found %d", i, (int)found);
        if (!CASES[i].payload)
            continue;
        assert_string_equal(text, CASES[i].payload);
        char from[ADDR_PORT_TEXT], to[ADDR_PORT_TEXT];
        bool v6 = p.from.sa.sa_family == AF_INET6;
        assert_string_equal(addr_port_text(&p.from, from),
                            v6 ? "[2001:db8::1]:5060" : "192.0.2.1:5060");
        assert_string_equal(addr_port_text(&p.to, to),
                            v6 ? "[2001:db8::2]:5070" : "192.0.2.2:5070");
    }
    tap_frames_free(f);
}

static void test_tcp_flags(void **state)
{
    (void)state;
    struct tap_frames *f;
    struct tap_packet p;
    char text[64];
    assert_int_equal(tap_frames_new(&f), ERR_OK);
    assert_int_equal(
        read_bytes(f, TAP_LINK_RAW, BYTES(IP_HEAD("\x28", "\0\0", "\x06") TCP_SYN), 0, &p, text),
        TAP_FOUND_PACKET);
    assert_true(p.tcp && p.syn && !p.fin && !p.rst);
    assert_int_equal(p.seq, 7);
    tap_frames_free(f);
}

/* ---- fragments ---- */

static const struct tap_frag_key KEY = {.version = 4, .protocol = 17, .id = 7};

static enum tap_frag_found add(struct tap_frags *f, uint32_t id, int64_t at_us, size_t offset,
                               bool last, const char *bytes, struct span *ret)
{
    struct tap_frag_key key = KEY;
    key.id = id;
    return tap_frag_add(f, &key, at_us, offset, last, span_of(bytes), ret);
}

static struct tap_frags *open_frags(void)
{
    struct tap_frags *f;
    assert_int_equal(tap_frags_new(&f), ERR_OK);
    return f;
}

/* In any order, and one of them twice. */
static void test_whole(void **state)
{
    (void)state;
    static const int orders[][3] = {
        {0, 1, 2},
        {2, 1, 0},
        {1, 2, 0},
        {2, 0, 1},
    };
    static const char *const pieces[] = {"12345678", "abcdefgh", "end"};
    struct tap_frags *f = open_frags();
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct span whole = {0};
        for (size_t k = 0; k < 3; k++) {
            int which = orders[i][k];
            enum tap_frag_found found =
                add(f, 7, 1, (size_t)which * 8, which == 2, pieces[which], &whole);
            assert_int_equal(found, k == 2 ? TAP_FRAG_WHOLE : TAP_FRAG_MORE);
            if (k == 1)
                assert_int_equal(add(f, 7, 1, (size_t)which * 8, which == 2, pieces[which], &whole),
                                 TAP_FRAG_MORE);
        }
        assert_true(span_eq(whole, SPAN_LIT("12345678abcdefghend")));
    }
    tap_frags_free(f);
}

/* What overlaps is refused for good, and so is what lies behind the last or has no whole eights. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        bool last;
        const char *bytes;
    } seconds[] = {
        {8,  false, "abcdefghabcdefgh"        },
        {0,  false, "abcdefghabcdefghabcdefgh"},
        {16, true,  "abc"                     },
        {32, false, "abcdefgh"                },
        {0,  false, "abc"                     },
        {0,  false, ""                        },
    };
    struct tap_frags *f = open_frags();
    for (uint32_t i = 0; i < COUNT(seconds); i++) {
        struct span whole;
        assert_int_equal(add(f, i, 1, 16, false, "ABCDEFGH", &whole), TAP_FRAG_MORE);
        assert_int_equal(add(f, i, 1, 24, true, "ABCDEFGH", &whole), TAP_FRAG_MORE);
        assert_int_equal(add(f, i, 1, seconds[i].offset, seconds[i].last, seconds[i].bytes, &whole),
                         TAP_FRAG_REFUSED);
        assert_int_equal(add(f, i, 1, 0, false, "0123456789abcdef", &whole), TAP_FRAG_REFUSED);
    }
    tap_frags_free(f);
}

/* Neither time nor packets nor bytes without end. */
static void test_bounds(void **state)
{
    (void)state;
    struct span whole;
    struct tap_frags *f = open_frags();
    assert_int_equal(add(f, 1, 1, 0, false, "12345678", &whole), TAP_FRAG_MORE);
    assert_int_equal(add(f, 1, 1 + TAP_FRAG_US, 8, true, "end", &whole), TAP_FRAG_MORE);
    for (uint32_t id = 10; id < 10 + TAP_FRAG_PACKETS; id++)
        assert_int_equal(add(f, id, 2 + TAP_FRAG_US, 0, false, "12345678", &whole), TAP_FRAG_MORE);
    assert_int_equal(add(f, 1, 2 + TAP_FRAG_US, 0, false, "12345678", &whole), TAP_FRAG_MORE);
    assert_int_equal(add(f, 2, 2 + TAP_FRAG_US, 65528, true, "12345678", &whole), TAP_FRAG_REFUSED);
    for (size_t i = 0; i < TAP_FRAG_PIECES; i++)
        assert_int_equal(add(f, 3, 2 + TAP_FRAG_US, i * 8, false, "12345678", &whole),
                         TAP_FRAG_MORE);
    assert_int_equal(add(f, 3, 2 + TAP_FRAG_US, TAP_FRAG_PIECES * 8, true, "end", &whole),
                     TAP_FRAG_REFUSED);
    tap_frags_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),  cmocka_unit_test(test_tcp_flags),
        cmocka_unit_test(test_whole),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
