/* The messages of RFC 4475 (tests/torture): what the message layer decides about each. */
#include "fixture_sip.h"

#define TORTURE SOURCE_DIR "/tests/torture/"

enum { ACCEPTED = -1, DROPPED = 0 };

/* What INDEX.tsv asks of a proxy, as the outcome of msg_parse. Longest beginning first. */
static const struct {
    const char *required;
    int outcome; /* ACCEPTED, DROPPED or the fault's status */
} outcomes[] = {
    {"FWD",          ACCEPTED},
    {"RSP-MATCH",    ACCEPTED},
    {"420",          ACCEPTED}, /* the proxy's policy */
    {"483",          ACCEPTED}, /* likewise */
    {"400",          400     },
    {"4xx",          400     },
    {"416",          416     },
    {"501 (400 ok)", 400     },
    {"505",          505     },
    {"DROP",         DROPPED },
};

/* Route lines of the accepted messages that have one. */
static const struct {
    const char *file, *line;
} routes[] = {
    {"mpart01.dat", "Route: <sip:127.0.0.1:5080>\r\n"                                 },
    {"wsinv.dat",
     "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"},
};

static int outcome_of(const char *file, const char *required)
{
    if (strcmp(file, "bcast.dat") == 0)
        return ACCEPTED; /* dropped for the address in its next Via, by the proxy */
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        if (strncmp(required, outcomes[i].required, strlen(outcomes[i].required)) == 0)
            return outcomes[i].outcome;
    }
    fail_msg("%s: \"%s\" is not understood", file, required);
    return DROPPED;
}

static struct span file_read(const char *name)
{
    char path[512], *p = malloc(65536);
    struct span bytes = {p, 0};
    FILE *f;

    snprintf(path, sizeof(path), TORTURE "%s", name);
    f = fopen(path, "rb");
    assert_non_null(f);
    bytes.n = fread(p, 1, 65535, f);
    fclose(f);
    assert_true(bytes.n > 0);
    return bytes;
}

static void each_message(void (*check)(const char *file, struct span bytes, int outcome))
{
    struct span index = file_read("INDEX.tsv"), rest = index, line;
    size_t n = 0;

    assert_true(span_cut(&rest, '\n', &line)); /* heading */
    while (span_cut(&rest, '\n', &line)) {
        char file[64], section[64], required[64];
        struct span columns = line, part, bytes;

        assert_true(span_cut(&columns, '\t', &part) && span_copy(part, file, sizeof(file)));
        assert_true(span_cut(&columns, '\t', &part) && span_copy(part, section, sizeof(section)));
        assert_true(span_cut(&columns, '\t', &part) && span_copy(part, required, sizeof(required)));
        bytes = file_read(file);
        check(file, bytes, outcome_of(file, required));
        free((char *)bytes.p);
        n++;
    }
    assert_int_equal(n, 49);
    free((char *)index.p);
}

static void check_outcome(const char *file, struct span bytes, int outcome)
{
    struct msg_fault fault;
    struct msg *m, *reply_to;
    int got = msg_parse(bytes, &m, &fault, &reply_to) ? fault.status : ACCEPTED;

    if (got != outcome)
        fail_msg("%s: %d instead of %d: %s", file, got, outcome, fault.text ? fault.text : "");
    if ((reply_to != NULL) != (outcome > 0))
        fail_msg("%s: %s reply_to", file, reply_to ? "has a" : "lacks its");
    msg_free(m);
    msg_free(reply_to);
}

static void test_each_message_is_judged_as_the_rfc_asks(void **state)
{
    (void)state;
    each_message(check_outcome);
}

static void check_allocations(const char *file, struct span bytes, int outcome)
{
    for (size_t n = 1;; n++) {
        struct msg_fault fault;
        struct msg *m, *reply_to;
        int err;

        arena_fail_at(n);
        err = msg_parse(bytes, &m, &fault, &reply_to);
        msg_free(m);
        msg_free(reply_to);
        if (arena_fail_at(0) > 0) {
            assert_int_equal(err == 0, outcome == ACCEPTED);
            return;
        }
        if (err != ERR_NOMEM || m || reply_to)
            fail_msg("%s: allocation %zu failed, yet %d", file, n, err);
    }
}

static void test_the_nth_allocation_fails_for_every_n(void **state)
{
    (void)state;
    each_message(check_allocations);
}

#define OUR_VIA  "Via: SIP/2.0/UDP proxy.example;branch=z9hG4bKours\r\n"
#define OUR_RR   "Record-Route: <sip:proxy.example;lr>\r\n"
#define OUR_URI  "sip:target@proxy.example"
#define OUR_HOPS "Max-Forwards: 12345\r\n"

static size_t edited(const struct msg *m, char *buf, size_t cap)
{
    const struct header_line *hops = msg_header(m, HEADER_MAX_FORWARDS);
    struct element route;
    struct edit e;
    size_t n = 0;

    edit_start(&e, m);
    edit_replace(&e, m->uri_text, SPAN_LIT(OUR_URI));
    edit_insert_before(&e, HEADER_VIA, SPAN_LIT(OUR_VIA));
    edit_insert_before(&e, HEADER_RECORD_ROUTE, SPAN_LIT(OUR_RR));
    if (msg_element_first(m, HEADER_ROUTE, &route))
        edit_remove_element(&e, &route);
    if (hops)
        edit_replace(&e, hops->line, SPAN_LIT(OUR_HOPS));
    assert_int_equal(edit_build(&e, buf, cap, &n), 0);
    return n;
}

/* Replaces `from` in *text, which is given up. */
static void undo(struct span *text, struct span from, struct span to)
{
    struct span before = *text;

    *text = swapped(before, from, to);
    free((char *)before.p);
}

static struct span without_route(const char *file, struct span raw)
{
    for (size_t i = 0; i < COUNT(routes); i++) {
        if (strcmp(routes[i].file, file) == 0)
            return swapped(raw, span_of(routes[i].line), SPAN_LIT(""));
    }
    return swapped(raw, SPAN_LIT(""), SPAN_LIT(""));
}

static void check_edits(const char *file, struct span bytes, int outcome)
{
    static char buf[65536];
    struct span out, expected;
    const struct header_line *hops;
    struct msg *m, *again;

    if (outcome != ACCEPTED || span_starts_nocase(bytes, SPAN_LIT("SIP/")))
        return;
    m = parsed(bytes);
    hops = msg_header(m, HEADER_MAX_FORWARDS);
    out = (struct span){buf, edited(m, buf, sizeof(buf))};
    out = swapped(out, SPAN_LIT(""), SPAN_LIT(""));
    undo(&out, SPAN_LIT(OUR_VIA), SPAN_LIT(""));
    undo(&out, SPAN_LIT(OUR_RR), SPAN_LIT(""));
    undo(&out, SPAN_LIT(OUR_URI), m->uri_text);
    if (hops)
        undo(&out, SPAN_LIT(OUR_HOPS), hops->line);
    expected = without_route(file, m->raw);
    if (!span_eq(out, expected))
        fail_msg("%s: other bytes changed\n%.*s", file, (int)out.n, out.p);
    again = parsed(expected);
    assert_int_equal(again->body.n, m->body.n);
    msg_free(again);
    free((char *)out.p);
    free((char *)expected.p);
    msg_free(m);
}

static void test_edits_leave_all_other_bytes_alone(void **state)
{
    (void)state;
    each_message(check_edits);
}

static struct msg *accepted(const char *file)
{
    struct span bytes = file_read(file);
    struct msg *m = parsed(bytes);

    free((char *)bytes.p);
    return m;
}

static void test_3_1_1_1_folds_and_spaces(void **state)
{
    struct msg *m = accepted("wsinv.dat");
    struct element via;

    (void)state;
    assert_span(m->to.tag, "1918181833n");
    assert_span(m->from.display, "\"J Rosenberg \\\\\\\"\"");
    assert_span(m->from.tag, "98asjd8");
    assert_int_equal(m->cseq, 9);
    assert_int_equal(m->max_forwards, 68);
    assert_true(msg_element_first(m, HEADER_VIA, &via));
    assert_true(msg_element_next(m, HEADER_VIA, &via));
    assert_int_equal(msg_read_via(m, via.text, &m->via), 0);
    assert_span(m->via.transport, "TCP");
    assert_span(m->via.branch, "z9hG4bK9ikj8");
    assert_true(msg_element_next(m, HEADER_VIA, &via));
    assert_int_equal(msg_read_via(m, via.text, &m->via), 0);
    assert_span(m->via.host, "192.168.255.111");
    assert_false(msg_element_next(m, HEADER_VIA, &via));
    msg_free(m);
}

static void test_3_1_1_2_unusual_characters(void **state)
{
    struct msg *m = accepted("intmeth.dat");

    (void)state;
    assert_span(m->method_text, "!interesting-Method0123456789_*+`.%indeed'~");
    assert_span(m->uri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
    assert_span(m->uri.host, "example.com");
    assert_int_equal(m->to.display.n, strlen("\"BEL:\\x NUL:\\x DEL:\\x\""));
    assert_span(m->from.tag, "_token~1'+`*%!-.");
    msg_free(m);
}

static void test_3_1_1_3_escapes_are_kept(void **state)
{
    struct msg *m = accepted("esc01.dat");

    (void)state;
    assert_span(m->uri.user, "sips%3Auser%40example.com");
    assert_span(m->to.uri.user, "%75se%72");
    msg_free(m);
}

static void test_3_1_1_4_escaped_nul_shortens_nothing(void **state)
{
    struct msg *m = accepted("escnull.dat");
    struct element contact;
    struct name_addr first, second;

    (void)state;
    assert_span(m->to.uri.user, "null-%00-null");
    assert_true(msg_element_first(m, HEADER_CONTACT, &contact));
    assert_int_equal(msg_read_name_addr(m, contact.text, &first), 0);
    assert_true(msg_element_next(m, HEADER_CONTACT, &contact));
    assert_int_equal(msg_read_name_addr(m, contact.text, &second), 0);
    assert_span(first.uri.user, "%00");
    assert_span(second.uri.user, "%00%00");
    msg_free(m);
}

static void test_3_1_1_8_octets_past_content_length_are_noise(void **state)
{
    struct msg *m = accepted("dblreq.dat");

    (void)state;
    assert_int_equal(m->method, METHOD_REGISTER);
    assert_int_equal(m->body.n, 0);
    assert_null(memmem(m->raw.p, m->raw.n, "INVITE", 6));
    msg_free(m);
}

static void test_3_1_1_9_semicolon_in_the_user_part(void **state)
{
    struct msg *m = accepted("semiuri.dat");

    (void)state;
    assert_span(m->uri.user, "user;par=u%40example.net");
    assert_int_equal(m->uri.params.n, 0);
    msg_free(m);
}

static void test_3_1_1_11_nul_in_the_body(void **state)
{
    struct msg *m = accepted("mpart01.dat");

    (void)state;
    assert_int_equal(m->body.n, 553);
    assert_non_null(memchr(m->body.p, '\0', m->body.n));
    msg_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_message_is_judged_as_the_rfc_asks),
        cmocka_unit_test(test_the_nth_allocation_fails_for_every_n),
        cmocka_unit_test(test_edits_leave_all_other_bytes_alone),
        cmocka_unit_test(test_3_1_1_1_folds_and_spaces),
        cmocka_unit_test(test_3_1_1_2_unusual_characters),
        cmocka_unit_test(test_3_1_1_3_escapes_are_kept),
        cmocka_unit_test(test_3_1_1_4_escaped_nul_shortens_nothing),
        cmocka_unit_test(test_3_1_1_8_octets_past_content_length_are_noise),
        cmocka_unit_test(test_3_1_1_9_semicolon_in_the_user_part),
        cmocka_unit_test(test_3_1_1_11_nul_in_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
