/* Streams of TCP as a bystander puts them together. */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap_tcp.h"

enum { LIMIT = 2000, SEEN = TAP_TCP_AHEAD + 1 };

#define ONE   "OPTIONS sip:one SIP/2.0\r\nl: 3\r\n\r\nabc"
#define TWO   "SIP/2.0 200 OK\r\nl: 0\r\n\r\n"
#define THREE "BYE sip:three SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"

/* What came out. */
struct seen {
    struct tap_tcp *tcp;
    char text[SEEN][LIMIT + 1];
    size_t n;
    unsigned malformed, lost;
};

static void on_message(void *arg, const struct tap_packet *where, struct span bytes)
{
    struct seen *s = arg;
    assert_true(s->n < SEEN && bytes.n <= LIMIT);
    assert_int_equal(ntohs(where->from.v4.sin_port), 5060);
    memcpy(s->text[s->n], bytes.p, bytes.n);
    s->text[s->n++][bytes.n] = '\0';
}

static void on_malformed(void *arg)
{
    ((struct seen *)arg)->malformed++;
}

static void on_lost(void *arg)
{
    ((struct seen *)arg)->lost++;
}

static struct seen *open_stream(void)
{
    struct seen *s = calloc(1, sizeof *s);
    assert_non_null(s);
    struct tap_tcp_events events = {on_message, on_malformed, on_lost, s};
    assert_int_equal(tap_tcp_new(&s->tcp, LIMIT, &events), ERR_OK);
    return s;
}

static void close_stream(struct seen *s)
{
    tap_tcp_free(s->tcp);
    free(s);
}

static struct tap_packet segment(uint32_t seq, const char *bytes, size_t n)
{
    struct tap_packet p = {
        .tcp = true, .seq = seq, .at_us = 1000000, .payload = {bytes, n}
    };
    p.from.v4.sin_family = p.to.v4.sin_family = AF_INET;
    p.from.v4.sin_addr.s_addr = htonl(0x7f000001);
    p.to.v4.sin_addr.s_addr = htonl(0x7f000002);
    p.from.v4.sin_port = p.to.v4.sin_port = htons(5060);
    return p;
}

static void put(struct seen *s, uint32_t seq, const char *text)
{
    struct tap_packet p = segment(seq, text, strlen(text));
    tap_tcp_take(s->tcp, &p);
}

static void put_syn(struct seen *s, uint32_t seq)
{
    struct tap_packet p = segment(seq, "", 0);
    p.syn = true;
    tap_tcp_take(s->tcp, &p);
}

static void expect(const struct seen *s, size_t n, const char *const texts[])
{
    assert_int_equal(s->n, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(s->text[i], texts[i]);
}

static const char *const ALL[] = {ONE, TWO, THREE};
static const char STREAM[] = ONE TWO "\r\n" THREE;

/* In pieces of every size, across the wrap of sequence numbers. */
static void test_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < sizeof STREAM; piece++) {
        struct seen *s = open_stream();
        uint32_t seq = 0xfffffff0;
        put_syn(s, seq - 1);
        for (size_t at = 0; at < sizeof STREAM - 1; at += piece) {
            size_t n = piece < sizeof STREAM - 1 - at ? piece : sizeof STREAM - 1 - at;
            struct tap_packet p = segment(seq + (uint32_t)at, STREAM + at, n);
            tap_tcp_take(s->tcp, &p);
        }
        expect(s, 3, ALL);
        assert_int_equal(s->malformed + s->lost, 0);
        assert_int_equal(tap_tcp_held(s->tcp), 0);
        close_stream(s);
    }
}

/* Backwards, each piece twice, and each longer than its place. */
static void test_out_of_order(void **state)
{
    (void)state;
    for (size_t piece = 3; piece < sizeof STREAM; piece += 2) {
        struct seen *s = open_stream();
        size_t count = (sizeof STREAM - 1 + piece - 1) / piece;
        put_syn(s, 99);
        for (size_t i = count; i-- > 0;) {
            size_t at = i * piece, left = sizeof STREAM - 1 - at;
            size_t n = piece + 5 < left ? piece + 5 : left;
            struct tap_packet p = segment(100 + (uint32_t)at, STREAM + at, n);
            tap_tcp_take(s->tcp, &p);
            tap_tcp_take(s->tcp, &p);
        }
        if (count <= TAP_TCP_AHEAD) {
            expect(s, 3, ALL);
            assert_int_equal(s->lost, 0);
        }
        close_stream(s);
    }
}

/* Of bytes that come twice the first count, whatever the second say. */
static void test_the_first_bytes_count(void **state)
{
    (void)state;
    struct seen *s = open_stream();
    put_syn(s, 99);
    put(s, 100, "OPTIONS sip:one ");
    put(s, 100, "XXXXXXXXXXXXXXXXSIP/2.0\r\nl: 3\r\n\r\nabc");
    expect(s, 1, ALL);
    close_stream(s);
}

/* A segment that never comes: what follows is read from the next start of a message. */
static void test_lost(void **state)
{
    (void)state;
    struct seen *s = open_stream();
    put_syn(s, 99);
    put(s, 100, ONE);
    struct tap_packet p = segment(100 + sizeof ONE - 1 + 30, "rest\r\n\r\n" TWO THREE,
                                  sizeof "rest\r\n\r\n" TWO THREE - 1);
    tap_tcp_take(s->tcp, &p);
    expect(s, 1, ALL);
    p = segment(p.seq + (uint32_t)p.payload.n, TWO, sizeof TWO - 1);
    p.at_us += TAP_TCP_US + 1;
    tap_tcp_take(s->tcp, &p);
    const char *const texts[] = {ONE, TWO, THREE, TWO};
    expect(s, 4, texts);
    assert_int_equal(s->lost, 1);
    close_stream(s);
}

static void test_too_many_ahead(void **state)
{
    (void)state;
    struct seen *s = open_stream();
    put_syn(s, 99);
    for (uint32_t i = 0; i <= TAP_TCP_AHEAD; i++)
        put(s, 200 + i * (uint32_t)(sizeof TWO - 1), TWO);
    assert_int_equal(s->lost, 1);
    assert_int_equal(s->n, SEEN);
    close_stream(s);
}

/* The capture begins amid a message. */
static void test_midway(void **state)
{
    (void)state;
    struct seen *s = open_stream();
    put(s, 5000, "ia: SIP/2.0/TCP x\r\nl: 3\r\n\r\na\r\n" TWO "OPTIONS sip:one");
    put(s, 5000 + sizeof "ia: SIP/2.0/TCP x\r\nl: 3\r\n\r\na\r\n" TWO "OPTIONS sip:one" - 1,
        " SIP/2.0\r\nl: 3\r\n\r\nabc");
    const char *const texts[] = {TWO, ONE};
    expect(s, 2, texts);
    assert_int_equal(s->malformed, 0);
    close_stream(s);
}

/* What can't be framed is passed over. */
static void test_malformed(void **state)
{
    (void)state;
    struct seen *s = open_stream();
    put_syn(s, 99);
    put(s, 100, "OPTIONS sip:x SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n" ONE);
    expect(s, 1, ALL);
    assert_int_equal(s->malformed, 1);
    close_stream(s);
}

/* TLS and the like cost no memory. */
static void test_no_sip(void **state)
{
    char noise[1000];
    (void)state;
    struct seen *s = open_stream();
    put_syn(s, 99);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * 7 | 0x80);
    for (uint32_t i = 0; i < 1000; i++) {
        struct tap_packet p = segment(100 + i * (uint32_t)sizeof noise, noise, sizeof noise);
        tap_tcp_take(s->tcp, &p);
    }
    assert_int_equal(s->n, 0);
    assert_true(tap_tcp_held(s->tcp) < 65536);
    close_stream(s);
}

/* A new connection between the same ports; the end of one. */
static void test_connections(void **state)
{
    (void)state;
    struct seen *s = open_stream();
    put_syn(s, 99);
    put(s, 100, "OPTIONS sip:half");
    put_syn(s, 70000);
    put(s, 70001, ONE);
    struct tap_packet p = segment(70001 + (uint32_t)sizeof ONE - 1, TWO, sizeof TWO - 1);
    p.fin = true;
    tap_tcp_take(s->tcp, &p);
    assert_int_equal(tap_tcp_held(s->tcp), 0);
    put(s, 5, THREE);
    p = segment(5, "", 0);
    p.rst = true;
    tap_tcp_take(s->tcp, &p);
    expect(s, 3, ALL);
    close_stream(s);
}

/* However many streams there are, no more than so many are held. */
static void test_many_streams(void **state)
{
    (void)state;
    struct seen *s = open_stream();
    size_t most = 0;
    for (uint32_t i = 0; i < TAP_TCP_STREAMS + 1000; i++) {
        struct tap_packet p = segment(1, "OPTIONS sip:half SIP/2.0\r\n", 26);
        p.from.v4.sin_addr.s_addr = htonl(i + 1);
        tap_tcp_take(s->tcp, &p);
        most = tap_tcp_held(s->tcp) > most ? tap_tcp_held(s->tcp) : most;
    }
    assert_int_equal(most, tap_tcp_held(s->tcp));
    assert_true(most <= (size_t)TAP_TCP_STREAMS * 2048);
    close_stream(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_the_first_bytes_count),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_too_many_ahead),
        cmocka_unit_test(test_midway),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_no_sip),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_many_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
