/* The ring, and what is found in messages of it. */
#include <stdlib.h>

#include "cmocka_all.h"

#include "capture_find.h"
#include "capture_hep.h"
#include "capture_ring.h"

enum { RING = 4096, ROUNDS = 20000 };

static struct addr four(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse_port(span_of(text), 0, &a), ERR_OK);
    return a;
}

/* A message whose bytes tell its number. */
static struct capture_message numbered(const struct addr *a, int64_t i, char *buf, size_t n)
{
    for (size_t k = 0; k < n; k++)
        buf[k] = (char)(i + (int64_t)k);
    return (struct capture_message){
        .at_us = i,
        .wire = {.out = i & 1,
                 .protocol = PROTOCOL_UDP + (enum protocol)(i % 3),
                 .local = a,
                 .remote = a,
                 .seq = (uint32_t)i,
                 .ack = (uint32_t)(i * 2),
                 .bytes = {buf, n}}
    };
}

static void assert_message(const struct capture_message *m)
{
    assert_int_equal(m->wire.seq, (uint32_t)m->at_us);
    assert_int_equal(m->wire.ack, (uint32_t)(m->at_us * 2));
    assert_int_equal(m->wire.out, m->at_us & 1);
    for (size_t k = 0; k < m->wire.bytes.n; k++)
        assert_int_equal(m->wire.bytes.p[k], (char)(m->at_us + (int64_t)k));
}

/* The latest are always there, in their order, without a gap. */
static void test_ring_keeps_the_latest(void **state)
{
    static char buf[RING];
    struct addr a = four("192.0.2.1:5060");
    struct capture_ring *ring;
    struct capture_message m;
    (void)state;
    srandom(3);
    assert_int_equal(capture_ring_new(&ring, RING), ERR_OK);
    for (int64_t i = 1; i <= ROUNDS; i++) {
        size_t n = (size_t)random() % (i % 50 ? 300 : 3000);
        m = numbered(&a, i, buf, n);
        capture_ring_add(ring, &m);
        uint64_t position = 0, mark = capture_ring_latest(ring);
        int64_t last = 0;
        size_t bytes = 0;
        while (capture_ring_next(ring, &position, &m)) {
            assert_message(&m);
            assert_true(last == 0 || m.at_us == last + 1);
            last = m.at_us;
            bytes += m.wire.bytes.n;
        }
        assert_int_equal(last, i);
        assert_true(bytes >= n && bytes < RING);
        assert_true(capture_ring_next(ring, &mark, &m));
        assert_int_equal(m.at_us, i);
        assert_false(capture_ring_next(ring, &mark, &m));
    }
    capture_ring_free(ring);
}

static void test_ring_leaves_out_what_does_not_fit(void **state)
{
    static char buf[2 * RING];
    struct addr a = four("192.0.2.1:5060");
    struct capture_ring *ring;
    struct capture_message m = numbered(&a, 1, buf, 10);
    uint64_t position = 0;
    (void)state;
    assert_int_equal(capture_ring_new(&ring, RING), ERR_OK);
    assert_false(capture_ring_next(ring, &position, &m));
    m = numbered(&a, 1, buf, 10);
    capture_ring_add(ring, &m);
    m = numbered(&a, 2, buf, RING);
    capture_ring_add(ring, &m);
    assert_true(capture_ring_next(ring, &position, &m));
    assert_int_equal(m.at_us, 1);
    assert_false(capture_ring_next(ring, &position, &m));
    capture_ring_clear(ring);
    position = 0;
    assert_false(capture_ring_next(ring, &position, &m));
    capture_ring_free(ring);
}

#define HEAD "INVITE sip:+12065550100@192.0.2.1 SIP/2.0\r\n"

static void test_call_ids(void **state)
{
    static const struct {
        const char *text, *id;
    } cases[] = {
        {HEAD "Call-ID: a@b\r\n\r\n",                "a@b"},
        {HEAD "cAlL-iD \t:  a@b \r\nCall-ID: c\r\n", "a@b"},
        {HEAD "i:x\r\n\r\n",                         "x"  },
        {HEAD "I: x\n\n",                            "x"  },
        {HEAD "X: 1\r\n\r\nCall-ID: body\r\n",       ""   },
        {HEAD "Call-ID: two words\r\n\r\n",          ""   },
        {HEAD "Call-IDs: a\r\n\r\n",                 ""   },
        {HEAD "Call-ID: cut",                        ""   },
        {"Call-ID: first\r\n\r\n",                   ""   },
        {"",                                         ""   },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span id = capture_find_call_id(span_of(cases[i].text));
        if (!span_eq(id, span_of(cases[i].id)))
            fail_msg("case %zu: %.*s", i, (int)id.n, id.p);
    }
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text, *number;
        bool found;
    } cases[] = {
        {HEAD "\r\n",                                                              "2065550100",  true },
        {HEAD "\r\n",                                                              "12065550100", true },
        {HEAD "\r\n",                                                              "065550100",   false},
        {"INVITE tel:+1-206-555-0100;x=1 SIP/2.0\r\n\r\n",                         "2065550100",  true },
        {"INVITE sips:44201234@h SIP/2.0\r\n\r\n",                                 "44201234",    true },
        {"INVITE sip:a@h SIP/2.0\r\nFrom: \"x\" <sip:2065550100@h>;tag=1\r\n\r\n", "2065550100",
         true                                                                                          },
        {"INVITE sip:a@h SIP/2.0\r\nTo: <sip:2065550100@h>\r\n\r\n",               "2065550100",  false},
        {"BYE sip:2065550100@h SIP/2.0\r\n\r\n",                                   "2065550100",  false},
        {"INVITE sip:123456789012345678901234@h SIP/2.0\r\n",                      "1",           false},
        {"INVITE ",                                                                "1",           false},
        {"SIP/2.0 200 OK\r\n",                                                     "1",           false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool found = capture_find_number(span_of(cases[i].text), span_of(cases[i].number));
        if (found != cases[i].found)
            fail_msg("case %zu: %s", i, cases[i].text);
    }
}

static void test_our_id(void **state)
{
    struct span with =
        SPAN_LIT(HEAD "Record-Route: <sip:h;lr;tl=7001~7002.0123456789abcdef0123.aa.bb>\r\n");
    struct span without = SPAN_LIT(HEAD "X: 0123456789abcdef0123\r\n");
    struct span id = SPAN_LIT("0123456789abcdef0123");
    (void)state;
    assert_true(capture_find_call(with, id) && span_eq(capture_find_id(with), id));
    assert_false(capture_find_call(without, id));
    assert_int_equal(capture_find_id(without).n, 0);
}

static void test_hep_has_its_limits(void **state)
{
    static char message[65535], packet[65535];
    struct addr a = four("[2001:db8::1]:5060");
    struct capture_message m = numbered(&a, 1, message, sizeof message);
    (void)state;
    assert_int_equal(capture_hep_write(&m, 1, (struct span){0}, packet, sizeof packet), 0);
    m = numbered(&a, 1, message, 60000);
    size_t n = capture_hep_write(&m, 1, SPAN_LIT("key"), packet, sizeof packet);
    assert_true(n > 60000 && n < 60000 + HEP_HEAD);
    assert_memory_equal(packet, "HEP3", 4);
    assert_int_equal((unsigned char)packet[4] << 8 | (unsigned char)packet[5], n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_keeps_the_latest),
        cmocka_unit_test(test_ring_leaves_out_what_does_not_fit),
        cmocka_unit_test(test_call_ids),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_our_id),
        cmocka_unit_test(test_hep_has_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
