#include "addr.h"
#include "derive.h"
#include "fixture_sip.h"
#include "out.h"
#include "refusal.h"

static struct addr source(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse_port(span_of(text), 5060, &a), ERR_OK);
    return a;
}

static void assert_text(char *p, size_t n, const char *expected)
{
    assert_span((struct span){p, n}, expected);
    free(p);
}

#define FOLLOWER(method, to)                                                                       \
    method " sip:12125551234@192.0.2.1:5080;user=phone SIP/2.0\r\n" VIA ROUTE FROM to CALL_ID      \
           "CSeq: 7 " method "\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"

static void test_cancel(void **state)
{
    char *p;
    size_t n;

    (void)state;
    assert_int_equal(derive_cancel(SPAN_LIT(INVITE), &p, &n), ERR_OK);
    assert_text(p, n, FOLLOWER("CANCEL", TO));
    assert_int_not_equal(derive_cancel(SPAN_LIT("INVITE"), &p, &n), ERR_OK);
}

/* Only the topmost Via goes along: it alone is of the transaction. */
static void test_cancel_of_an_invite_with_several_vias(void **state)
{
    struct span two = swapped(SPAN_LIT(INVITE), SPAN_LIT(VIA),
                              SPAN_LIT(VIA "Via: SIP/2.0/TCP 192.0.2.77;branch=z9hG4bKb2\r\n"));
    char *p;
    size_t n;

    (void)state;
    assert_int_equal(derive_cancel(two, &p, &n), ERR_OK);
    assert_text(p, n, FOLLOWER("CANCEL", TO));
    free((void *)(uintptr_t)two.p);
}

static void test_ack_takes_to_from_the_response(void **state)
{
    struct span text = swapped(SPAN_LIT(RESPONSE), SPAN_LIT(TO),
                               SPAN_LIT("To: <sip:12125551234@192.0.2.1>;tag=t9\r\n"));
    struct msg *response = parsed(text);
    char *p;
    size_t n;

    (void)state;
    assert_int_equal(derive_ack(SPAN_LIT(INVITE), response, &p, &n), ERR_OK);
    assert_text(p, n, FOLLOWER("ACK", "To: <sip:12125551234@192.0.2.1>;tag=t9\r\n"));
    msg_free(response);
    free((void *)(uintptr_t)text.p);
}

static void test_response(void **state)
{
    struct msg *request = parsed(SPAN_LIT(INVITE));
    struct addr from = source("203.0.113.5:6000");
    char text[2048];
    struct out o = OUT_IN(text);

    (void)state;
    derive_response(&o, request, &from, 100, NULL, (struct span){0});
    assert_span(out_done(&o),
                "SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKa1;"
                "rport=6000;received=203.0.113.5\r\n" FROM TO CALL_ID CSEQ
                "Content-Length: 0\r\n\r\n");
    msg_free(request);
}

/* All final responses to one request have one tag, those to another one have another. */
static void test_to_tag(void **state)
{
    struct span other = swapped(SPAN_LIT(INVITE), SPAN_LIT("z9hG4bKa1"), SPAN_LIT("z9hG4bKa2"));
    struct msg *requests[] = {parsed(SPAN_LIT(INVITE)), parsed(SPAN_LIT(INVITE)), parsed(other)};
    struct addr from = source("198.51.100.7:5070");
    char tags[3][64];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[2048];
        struct out o = OUT_IN(text);
        derive_response(&o, requests[i], &from, 404 + (int)i, "Because", SPAN_LIT("X: 1\r\n"));
        struct msg *response = parsed(out_done(&o));
        assert_span(response->reason, "Because");
        assert_true(response->to.tag.n >= 8);
        assert_true(span_copy(response->to.tag, tags[i], sizeof(tags[i])));
        msg_free(response);
        msg_free(requests[i]);
    }
    assert_string_equal(tags[0], tags[1]);
    assert_string_not_equal(tags[0], tags[2]);
    free((void *)(uintptr_t)other.p);
}

static void test_too_long_for_its_buffer(void **state)
{
    struct msg *request = parsed(SPAN_LIT(INVITE));
    struct addr from = source("198.51.100.7:5070");
    char text[100];
    struct out o = OUT_IN(text);

    (void)state;
    derive_response(&o, request, &from, 404, NULL, (struct span){0});
    assert_true(o.full);
    assert_int_equal(out_done(&o).n, 0);
    msg_free(request);
}

static void test_out_is_never_overrun(void **state)
{
    char text[8];
    struct out o = OUT_IN(text);

    (void)state;
    out_text(&o, "1234567");
    assert_span(out_done(&o), "1234567");
    out_span(&o, SPAN_LIT("8"));
    assert_int_equal(out_done(&o).n, 8);
    out_span(&o, (struct span){0});
    assert_false(o.full);
    out_text(&o, "9");
    assert_true(o.full);
    assert_int_equal(out_done(&o).n, 0);
    o = (struct out)OUT_IN(text);
    out_format(&o, "%s", "12345678"); /* its NUL must fit as well */
    assert_true(o.full);
    out_format(&o, "%d", 1);
    assert_int_equal(out_done(&o).n, 0);
}

static void test_refusals(void **state)
{
    static const struct {
        int status;
        const char *word, *text;
        int64_t retry_after_s;
        const char *expected;
    } cases[] = {
        {486, "sessions",  "",            0, "Reason: Q.850;cause=17;text=\"all sessions in use\"\r\n"},
        {503, "sessions",  "",            0, "Reason: Q.850;cause=34;text=\"all sessions in use\"\r\n"},
        {503, "cps",       NULL,          3,
         "Reason: Q.850;cause=42;text=\"calls per second exceeded\"\r\nRetry-After: 3\r\n"            },
        {402, "balance",   "no money",    0, "Reason: Q.850;cause=21;text=\"no money\"\r\n"           },
        {402, "balance",   "a \"quote\"", 0,
         "Reason: Q.850;cause=21;text=\"insufficient balance\"\r\n"                                   },
        {500, "something", "else",        0, ""                                                       },
        {500, "something", "else",        9, "Retry-After: 9\r\n"                                     },
    };
    char buf[REFUSAL_LINES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_span(refusal_lines(cases[i].status, cases[i].word, cases[i].text,
                                  cases[i].retry_after_s, buf),
                    cases[i].expected);
}

static void test_words_of_targets_answers(void **state)
{
    static const struct {
        int status;
        const char *word;
    } cases[] = {
        {486, "busy"       },
        {600, "busy"       },
        {487, "cancelled"  },
        {408, "no-answer"  },
        {480, "no-answer"  },
        {404, "unallocated"},
        {503, "unreachable"},
        {599, "unreachable"},
        {302, "redirected" },
        {403, "rejected"   },
        {603, "rejected"   },
        {699, "rejected"   },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(refusal_reason(cases[i].status), cases[i].word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_cancel_of_an_invite_with_several_vias),
        cmocka_unit_test(test_ack_takes_to_from_the_response),
        cmocka_unit_test(test_response),
        cmocka_unit_test(test_to_tag),
        cmocka_unit_test(test_too_long_for_its_buffer),
        cmocka_unit_test(test_out_is_never_overrun),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_words_of_targets_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
