#include "fixture_sip.h"

static void assert_built(struct edit *e, const char *expected)
{
    char buf[4096];
    size_t n = 0, size = edit_size(e);

    assert_int_equal(edit_build(e, buf, sizeof(buf), &n), 0);
    assert_int_equal(n, size);
    assert_span((struct span){buf, n}, expected);
}

static void assert_fails(struct edit *e, int err)
{
    char buf[4096];
    size_t n = 99;

    assert_int_equal(edit_build(e, buf, sizeof(buf), &n), err);
    assert_int_equal(n, 99);
}

static void test_no_edit_changes_nothing(void **state)
{
    struct msg *m = parsed(SPAN_LIT(INVITE));
    struct edit e;

    (void)state;
    edit_start(&e, m);
    assert_built(&e, INVITE);
    msg_free(m);
}

static void test_what_a_proxy_does(void **state)
{
    struct msg *m = parsed(SPAN_LIT(INVITE));
    struct element route;
    struct edit e;

    (void)state;
    edit_start(&e, m);
    edit_replace(&e, m->uri_text, SPAN_LIT("sip:5551@203.0.113.9"));
    edit_insert_before(&e, HEADER_VIA, SPAN_LIT("Via: ours\r\n"));
    edit_after(&e, m->via.text, SPAN_LIT(";received=10.0.0.1"));
    edit_replace(&e, msg_header(m, HEADER_MAX_FORWARDS)->value, SPAN_LIT("69"));
    edit_insert_before(&e, HEADER_RECORD_ROUTE, SPAN_LIT("Record-Route: <sip:us;lr>\r\n"));
    assert_true(msg_element_first(m, HEADER_ROUTE, &route));
    edit_remove_element(&e, &route);
    edit_append_header(&e, SPAN_LIT("X-Last: 1\r\n"));
    assert_built(&e, "INVITE sip:5551@203.0.113.9 SIP/2.0\r\nVia: ours\r\n"
                     "Record-Route: <sip:us;lr>\r\n"
                     "Via: SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKa1;rport;received=10.0.0.1"
                     "\r\nMax-Forwards: 69\r\nRoute: <sip:192.0.2.2;lr>\r\n" FROM TO CALL_ID CSEQ
                         CONTACT LENGTH "X-Last: 1\r\n\r\nv=0\n");
    msg_free(m);
}

static void test_insertions_at_one_place_keep_the_order_of_calls(void **state)
{
    struct msg *m = parsed(SPAN_LIT(INVITE));
    struct edit e;
    char *expected;

    (void)state;
    edit_start(&e, m);
    edit_remove_line(&e, msg_header(m, HEADER_VIA));
    edit_insert_before(&e, HEADER_VIA, SPAN_LIT("A: 1\r\n"));
    edit_insert_before(&e, HEADER_VIA, SPAN_LIT("B: 2\r\n"));
    edit_insert_before(&e, HEADER_VIA, SPAN_LIT("C: 3\r\n"));
    expected =
        (char *)swapped(SPAN_LIT(INVITE "\0"), SPAN_LIT(VIA), SPAN_LIT("A: 1\r\nB: 2\r\nC: 3\r\n"))
            .p;
    assert_built(&e, expected);
    free(expected);
    msg_free(m);
}

/* Which elements are removed, in which order, from a Route line; what is left of it. */
static const struct {
    const char *line, *remove, *left;
} removals[] = {
    {"Route: <sip:a>\r\n",                     "a",   ""                          },
    {"Route: <sip:a>, <sip:b>\r\n",            "a",   "Route: <sip:b>\r\n"        },
    {"Route: <sip:a>, <sip:b>\r\n",            "b",   "Route: <sip:a>\r\n"        },
    {"Route: <sip:a>, <sip:b>\r\n",            "ab",  ""                          },
    {"Route: <sip:a>,<sip:b>,<sip:c>\r\n",     "b",   "Route: <sip:a>,<sip:c>\r\n"},
    {"Route: <sip:a>,<sip:b>,<sip:c>\r\n",     "bc",  "Route: <sip:a>\r\n"        },
    {"Route: <sip:a>,<sip:b>,<sip:c>\r\n",     "ac",  "Route: <sip:b>\r\n"        },
    {"Route: <sip:a>,<sip:b>,<sip:c>\r\n",     "abc", ""                          },
    {"Route :<sip:a>\r\n , \r\n\t<sip:b>\r\n", "a",   "Route :<sip:b>\r\n"        },
    {"Route :<sip:a>\r\n ,\r\n\t<sip:b>\r\n",  "b",   "Route :<sip:a>\r\n"        },
    {"Route: <sip:a>\r\nroute: <sip:b>\r\n",   "a",   "route: <sip:b>\r\n"        },
    {"Route: <sip:a>\r\nroute: <sip:b>\r\n",   "ab",  ""                          },
};

static void remove_named(struct edit *e, const struct msg *m, char name)
{
    struct element el;
    bool more = msg_element_first(m, HEADER_ROUTE, &el);

    for (; more; more = msg_element_next(m, HEADER_ROUTE, &el)) {
        if (el.text.p[5] == name)
            edit_remove_element(e, &el);
    }
}

static void test_elements_go_with_their_comma(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(removals); i++) {
        struct span line = span_of(removals[i].line), left = span_of(removals[i].left);
        struct span text = swapped(SPAN_LIT(INVITE), SPAN_LIT(ROUTE), line);
        struct span expected = swapped(SPAN_LIT(INVITE "\0"), SPAN_LIT(ROUTE), left);
        struct msg *m = parsed(text);
        struct edit e;

        edit_start(&e, m);
        for (const char *name = removals[i].remove; *name; name++)
            remove_named(&e, m, *name);
        assert_built(&e, expected.p);
        msg_free(m);
        free((char *)text.p);
        free((char *)expected.p);
    }
}

static void test_without_headers_of_that_name_lines_go_behind_the_start_line(void **state)
{
    struct msg *m = parsed(SPAN_LIT(RESPONSE));
    struct edit e;

    (void)state;
    edit_start(&e, m);
    edit_insert_before(&e, HEADER_ROUTE, SPAN_LIT("X: 1\r\n"));
    edit_append_header(&e, SPAN_LIT("Y: 2\r\n"));
    assert_built(&e, "SIP/2.0 180 Ringing\r\nX: 1\r\n" VIA FROM TO CALL_ID CSEQ
                     "Content-Length: 0\r\nY: 2\r\n\r\n");
    msg_free(m);
}

static void test_overlapping_edits_are_refused(void **state)
{
    struct msg *m = parsed(SPAN_LIT(INVITE));
    const struct header_line *via = msg_header(m, HEADER_VIA);
    struct edit e;

    (void)state;
    edit_start(&e, m);
    edit_remove_line(&e, via);
    edit_after(&e, m->via.text, SPAN_LIT(";received=1.2.3.4"));
    assert_fails(&e, ERR_INVALID);
    edit_start(&e, m);
    edit_replace(&e, via->value, SPAN_LIT("x"));
    edit_remove_line(&e, via);
    assert_fails(&e, ERR_INVALID);
    edit_start(&e, m);
    edit_replace(&e, m->uri_text, SPAN_LIT("x"));
    edit_replace(&e, m->uri_text, SPAN_LIT("y"));
    assert_fails(&e, ERR_INVALID);
    msg_free(m);
}

static void test_text_that_is_not_of_the_message_is_refused(void **state)
{
    struct msg *m = parsed(SPAN_LIT(INVITE));
    struct edit e;

    (void)state;
    edit_start(&e, m);
    edit_replace(&e, SPAN_LIT("foreign"), SPAN_LIT("x"));
    assert_fails(&e, ERR_INVALID);
    edit_start(&e, m);
    edit_replace(&e, (struct span){m->raw.p + m->raw.n - 1, 2}, SPAN_LIT("x"));
    assert_fails(&e, ERR_INVALID);
    msg_free(m);
}

static void test_too_many_edits_and_too_little_room(void **state)
{
    struct msg *m = parsed(SPAN_LIT(INVITE));
    struct edit e;
    char buf[sizeof(INVITE)];
    size_t n = 0;

    (void)state;
    edit_start(&e, m);
    assert_int_equal(edit_build(&e, buf, m->raw.n - 1, &n), ERR_TOO_LARGE);
    assert_int_equal(edit_build(&e, buf, m->raw.n, &n), 0);
    for (int i = 0; i <= EDIT_MAX; i++)
        edit_append_header(&e, SPAN_LIT("X: 1\r\n"));
    assert_fails(&e, ERR_TOO_LARGE);
    msg_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_edit_changes_nothing),
        cmocka_unit_test(test_what_a_proxy_does),
        cmocka_unit_test(test_insertions_at_one_place_keep_the_order_of_calls),
        cmocka_unit_test(test_elements_go_with_their_comma),
        cmocka_unit_test(test_without_headers_of_that_name_lines_go_behind_the_start_line),
        cmocka_unit_test(test_overlapping_edits_are_refused),
        cmocka_unit_test(test_text_that_is_not_of_the_message_is_refused),
        cmocka_unit_test(test_too_many_edits_and_too_little_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
