/* What must be refused, and why: each case spoils one thing of a valid message. */
#include <time.h>

#include "fixture_sip.h"

#define S(text) SPAN_LIT(text)

/* Replaces `from` by `to` in the INVITE. text NULL: still accepted. */
struct spoil {
    struct span from, to;
    const char *text;
    int status;
};

static void refused(struct span bytes, const char *text, int status, bool answered)
{
    struct msg_fault fault;
    struct msg *m, *reply_to;
    int err = msg_parse(bytes, &m, &fault, &reply_to);

    if (!err || !fault.text || strcmp(fault.text, text) != 0 || fault.status != status)
        fail_msg("want %d %s, got %d: %d %s\n%.*s", status, text, err, fault.status,
                 fault.text ? fault.text : "nothing", (int)(bytes.n < 900 ? bytes.n : 900),
                 bytes.p);
    assert_null(m);
    if ((reply_to != NULL) != answered)
        fail_msg("%s: %s reply_to", text, reply_to ? "has a" : "lacks its");
    assert_non_null(fault.kind);
    if (reply_to)
        assert_true(reply_to->is_request && reply_to->via.host.n > 0);
    msg_free(reply_to);
}

static void spoil_all(const struct spoil *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct span bytes = swapped(S(INVITE), cases[i].from, cases[i].to);

        if (cases[i].text)
            refused(bytes, cases[i].text, cases[i].status, true);
        else
            msg_free(parsed(bytes));
        free((char *)bytes.p);
    }
}

#define SPOIL(cases) spoil_all((cases), COUNT(cases))

static void test_start_lines(void **state)
{
    static const char malformed[] = "Malformed request line";
    static const struct spoil cases[] = {
        {S("INVITE sip:1"),                                  S("INVITE  sip:1"),        malformed,                400},
        {S(" SIP/2.0\r"),                                    S("  SIP/2.0\r"),          malformed,                400},
        {S(" SIP/2.0\r"),                                    S(" SIP/2.0 \r"),          malformed,                400},
        {S("INVITE sip:1"),                                  S("INVITE\tsip:1"),        malformed,                400},
        {S("INVITE sip:1"),                                  S(" INVITE sip:1"),        malformed,                400},
        {S("INVITE sip:1"),                                  S("INV(TE sip:1"),         malformed,                400},
        {S(";user=phone SIP"),                               S("; user=phone SIP"),     malformed,                400},
        {S("sip:12125551234@192.0.2.1:5080;user=phone SIP"), S("<sip:h> SIP"),          malformed,                400},
        {S(" SIP/2.0\r"),                                    S(" HTTP/1.1\r"),          malformed,                400},
        {S(" SIP/2.0\r"),                                    S("\r"),                   malformed,                400},
        {S(" SIP/2.0\r"),                                    S(" SIP/7.0\r"),           "Version not supported",  505},
        {S(" SIP/2.0\r"),                                    S(" SIP/2.00\r"),          "Version not supported",  505},
        {S(" SIP/2.0\r"),                                    S(" SIP/2.\r"),            malformed,                400},
        {S(" SIP/2.0\r"),                                    S(" sip/2.0\r"),           NULL,                     0  },
        {S("sip:1212"),                                      S("sip:@1212"),            "Malformed Request-URI",  400},
        {S(";user=phone SIP"),                               S("?Route=x SIP"),         "Malformed Request-URI",  400},
        {S("sip:12125551234@192.0.2.1:5080;user=phone SIP"), S("tel:+12125551234 SIP"), NULL,                     0  },
        {S("sip:12125551234@192.0.2.1:5080;user=phone SIP"), S("urn:service:sos SIP"),
         "Unsupported URI scheme",                                                                                416},
        {S("INVITE sip:1"),                                  S("invite sip:1"),         "CSeq of another method", 400},
    };

    (void)state;
    SPOIL(cases);
}

static void test_bare_cr_and_lf_end_no_line(void **state)
{
    static const struct spoil cases[] = {
        {S(":5070>\r\nContent"),                    S(":5070>\nContent"), "Line feed without carriage return", 400},
        {S("4\r\n\r\n"),                            S("4\n\n"),           "Line feed without carriage return", 400},
        {S("4\r\n\r\n"),                            S("4\r\n\n"),         "Line feed without carriage return", 400},
        {S("4\r\n\r\n"),                            S("4\r\r\n\r\n"),     "Carriage return without line feed", 400},
        {S("<sip:+13125550000@198.51.100.7:5070>"), S("<sip:a@b>\rX: 1"),
         "Carriage return without line feed",                                                                  400},
        {S("4\r\n\r\n"),                            S("4\r\n \r\n\r\n"),  "Blank continuation line",           400},
        {S("4\r\n\r\nv=0\n"),                       S("4\r\n"),           "Headers without end",               400},
        {S("4\r\n\r\nv=0\n"),                       S("4"),               "Headers without end",               400},
        {S("4\r\n\r\nv=0\n"),                       S("0\r\n\r\n"),       NULL,                                0  },
    };

    (void)state;
    SPOIL(cases);
}

static void test_header_lines(void **state)
{
    static const char malformed[] = "Malformed header line";
    static const struct spoil cases[] = {
        {S("Contact: "), S("Contact "),                       malformed,        400},
        {S("Contact: "), S(": "),                             malformed,        400},
        {S("Contact: "), S("Con tact: "),                     malformed,        400},
        {S("Contact: "), S("Con\x01tact: "),                  malformed,        400},
        {S("Contact: "), S("X\xc3\xa9: "),                    malformed,        400},
        {S("Contact: "), S("Subject:\r\nContact: "),          NULL,             0  },
        {S("Contact: "), S("Subject: \xc3\xa9\r\nContact: "), NULL,             0  },
        {S("Contact: "), S("X: a\0b\r\nContact: "),           "NUL in headers", 400},
        {S("Contact: "), S("X: \"\\\0\"\r\nContact: "),       NULL,             0  },
        {S("Al, B"),     S("Al\\\0B"),                        NULL,             0  },
    };

    (void)state;
    SPOIL(cases);
    refused(S("INVITE sip:a@b SIP/2.0\r\n " VIA FROM TO CALL_ID CSEQ "\r\n"), malformed, 400,
            false);
}

/* "X-H :", "X-H\t:", a folded form and the compact form are the same header. */
static void test_one_header_under_all_its_spellings(void **state)
{
    static const char *names[] = {
        "Max-Forwards :", "MAX-FORWARDS\t:", "max-forwards\r\n :", "Max-Forwards  \r\n\t : \r\n "};
    static const char *compact[] = {"I :", "i:", "Call-Id\t:"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char line[64];
        struct span bytes;

        snprintf(line, sizeof(line), "%s 5\r\n", names[i]);
        bytes = swapped(S(INVITE), S(CONTACT), span_of(line));
        refused(bytes, "Two Max-Forwards", 400, true);
        free((char *)bytes.p);
    }
    for (size_t i = 0; i < COUNT(compact); i++) {
        struct span bytes = swapped(S(INVITE), S("Call-ID:"), span_of(compact[i]));
        struct msg *m = parsed(bytes);

        assert_span(m->call_id, "c1@198.51.100.7");
        msg_free(m);
        free((char *)bytes.p);
    }
}

static void test_content_lengths(void **state)
{
    static const char malformed[] = "Malformed Content-Length";
    static const char beyond[] = "Content-Length beyond datagram";
    static const struct spoil cases[] = {
        {S("Length: 4"), S("Length: -4"),                   malformed,                   400},
        {S("Length: 4"), S("Length: +4"),                   malformed,                   400},
        {S("Length: 4"), S("Length: 0x4"),                  malformed,                   400},
        {S("Length: 4"), S("Length:"),                      malformed,                   400},
        {S("Length: 4"), S("Length: 4 "),                   NULL,                        0  },
        {S("Length: 4"), S("Length: 4, 4"),                 malformed,                   400},
        {S("Length: 4"), S("Length: 4;x"),                  malformed,                   400},
        {S("Length: 4"), S("Length: 99999999999999999999"), malformed,                   400},
        {S("Length: 4"), S("Length: 4294967296"),           beyond,                      400},
        {S("Length: 4"), S("Length: 9223372036854775807"),  beyond,                      400},
        {S("Length: 4"), S("Length: 5"),                    beyond,                      400},
        {S("Length: 4"), S("Length: 4\r\nl : 04"),          NULL,                        0  },
        {S("Length: 4"), S("Length: 4\r\nl : 3"),           "Different Content-Lengths", 400},
        {S("Length: 4"), S("Length: 3\r\nl\t: 4"),          "Different Content-Lengths", 400},
        {S("Length: 4"), S("Length: 4\r\nl: x"),            malformed,                   400},
    };

    (void)state;
    SPOIL(cases);
}

static void test_octets_past_the_body_are_cut_off(void **state)
{
    struct span bytes = swapped(S(INVITE), S("Length: 4"), S("Length: 2"));
    struct msg *m = parsed(bytes);

    (void)state;
    assert_span(m->body, "v=");
    assert_int_equal(m->raw.n, bytes.n - 2);
    msg_free(m);
    free((char *)bytes.p);
    bytes = swapped(S(INVITE), S(LENGTH), S(""));
    m = parsed(bytes);
    assert_span(m->body, "v=0\n");
    msg_free(m);
    free((char *)bytes.p);
}

static void test_headers_that_must_be_there_once(void **state)
{
    static const struct spoil cases[] = {
        {S(FROM),         S(""),                                  "Missing From",     400},
        {S(TO),           S(""),                                  "Missing To",       400},
        {S(CALL_ID),      S(""),                                  "Missing Call-ID",  400},
        {S(CSEQ),         S(""),                                  "Missing CSeq",     400},
        {S(FROM),         S(FROM FROM),                           "Two From",         400},
        {S(TO),           S(TO "t: <sip:x@y>\r\n"),               "Two To",           400},
        {S(CALL_ID),      S(CALL_ID CALL_ID),                     "Two Call-ID",      400},
        {S(CSEQ),         S(CSEQ CSEQ),                           "Two CSeq",         400},
        {S(MAX_FORWARDS), S(MAX_FORWARDS "Max-Forwards: 70\r\n"), "Two Max-Forwards", 400},
        {S(MAX_FORWARDS), S(""),                                  NULL,               0  },
    };

    (void)state;
    SPOIL(cases);
    refused(S(REQUEST_LINE FROM TO CALL_ID CSEQ "\r\n"), "Missing Via", 400, false);
}

static void test_header_values(void **state)
{
    static const struct spoil cases[] = {
        {S("CSeq: 7"),                              S("CSeq: 2147483647"),           NULL,                     0  },
        {S("CSeq: 7"),                              S("CSeq: 0007\r\n\t"),           NULL,                     0  },
        {S("CSeq: 7"),                              S("CSeq: 2147483648"),           "Malformed CSeq",         400},
        {S("CSeq: 7"),                              S("CSeq: -7"),                   "Malformed CSeq",         400},
        {S("CSeq: 7"),                              S("CSeq: 36893488147419103239"), "Malformed CSeq",         400},
        {S("CSeq: 7 "),                             S("CSeq: 7"),                    "Malformed CSeq",         400},
        {S("CSeq: 7 INVITE"),                       S("CSeq: 7"),                    "Malformed CSeq",         400},
        {S("CSeq: 7 INVITE"),                       S("CSeq: 7 INVITE x"),           "Malformed CSeq",         400},
        {S("CSeq: 7 INVITE"),                       S("CSeq: 7 ACK"),                "CSeq of another method", 400},
        {S("Forwards: 70"),                         S("Forwards: 0"),                NULL,                     0  },
        {S("Forwards: 70"),                         S("Forwards: 0255"),             NULL,                     0  },
        {S("Forwards: 70"),                         S("Forwards: 256"),              "Malformed Max-Forwards", 400},
        {S("Forwards: 70"),                         S("Forwards: +1"),               "Malformed Max-Forwards", 400},
        {S("Forwards: 70"),                         S("Forwards: 7 0"),              "Malformed Max-Forwards", 400},
        {S("Forwards: 70"),                         S("Forwards:"),                  "Malformed Max-Forwards", 400},
        {S("Call-ID: c1"),                          S("Call-ID: c1 "),               "Malformed Call-ID",      400},
        {S("c1@198.51.100.7"),                      S(""),                           "Malformed Call-ID",      400},
        {S("\"Al, B\" <"),                          S("Al, B <"),                    "Malformed From",         400},
        {S("To: <sip:"),                            S("To: \"x <sip:"),              "Malformed To",           400},
        {S("To: <sip:"),                            S("To: <x"),                     "Malformed To",           400},
        {S(";rport\r"),                             S(";;,;,,\r"),                   "Malformed Via",          400},
        {S(";rport\r"),                             S(";rport, SIP/2.0/UDP h\r"),    NULL,                     0  },
        {S("branch=z9hG4bKa1"),                     S("branch=z9hG4bK"),             "Malformed Via",          400},
        {S("lr>, <sip:192"),                        S("lr>,, <sip:192"),             "Malformed Route",        400},
        {S(ROUTE),                                  S("Record-Route: \r\n"),         "Malformed Record-Route", 400},
        {S("<sip:+13125550000@198.51.100.7:5070>"), S("sip:a@b?Route=x"),            "Malformed Contact",      400},
        {S("<sip:+13125550000@198.51.100.7:5070>"), S("*"),                          NULL,                     0  },
        {S("<sip:+13125550000@198.51.100.7:5070>"), S("<sip:a@b?Route=x>;q=0.1"),    NULL,                     0  },
        {S(";tag=f1"),                              S(""),                           NULL,                     0  },
        {S(";branch=z9hG4bKa1;rport"),              S(""),                           NULL,                     0  },
        {S("192.0.2.1>\r"),                         S("[2001:db8::zz]>\r"),          "Malformed To",           400},
    };

    (void)state;
    SPOIL(cases);
}

static void test_bad_responses_are_dropped(void **state)
{
    static const struct spoil cases[] = {
        {S("180 "),         S("4294967301 "),                  "Malformed status line",          0},
        {S("180 "),         S("99 "),                          "Malformed status line",          0},
        {S("180 "),         S("099 "),                         "Malformed status line",          0},
        {S("180 "),         S("700 "),                         "Malformed status line",          0},
        {S("180 "),         S("0180 "),                        "Malformed status line",          0},
        {S("180 "),         S("18x "),                         "Malformed status line",          0},
        {S(" 180 "),        S("  180 "),                       "Malformed status line",          0},
        {S(" 180 Ringing"), S(""),                             "Malformed status line",          0},
        {S("SIP/2.0 180"),  S("SIP/3.0 180"),                  "Version not supported",          0},
        {S("CSeq: 7"),      S("CSeq: 9292394834772304023312"), "Malformed CSeq",                 0},
        {S("Length: 0"),    S("Length: 9"),                    "Content-Length beyond datagram", 0},
        {S(VIA),            S(""),                             "Missing Via",                    0},
        {S(FROM),           S(FROM FROM),                      "Two From",                       0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span bytes = swapped(S(RESPONSE), cases[i].from, cases[i].to);

        refused(bytes, cases[i].text, cases[i].status, false);
        free((char *)bytes.p);
    }
}

static void test_reasons_may_be_empty_or_utf8(void **state)
{
    static const struct span lines[] = {S("180 "), S("180"), S("180 \xd1\x84 = 2**3"), S("699 x")};

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct span bytes = swapped(S(RESPONSE), S("180 Ringing"), lines[i]);

        msg_free(parsed(bytes));
        free((char *)bytes.p);
    }
}

static void test_an_ack_is_never_answered(void **state)
{
    struct span ack = swapped(S(INVITE), S("INVITE sip"), S("ACK sip"));

    (void)state;
    refused(ack, "CSeq of another method", 0, false);
    free((char *)ack.p);
}

static void test_what_is_no_sip_is_dropped(void **state)
{
    static const char stun[] = "\0\1\0\0\x21\x12\xa4\x42............";

    (void)state;
    refused(S(""), "Nothing but CRLF", 0, false);
    refused((struct span){NULL, 0}, "Nothing but CRLF", 0, false);
    refused(S("\r\n\r\n"), "Nothing but CRLF", 0, false);
    refused(S("\0\0\0\0"), "Headers without end", 0, false);
    refused(S(stun), "Headers without end", 0, false);
    refused(S("\r\n\r"), "Headers without end", 0, false);
    refused(S("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "Malformed request line", 400, false);
}

static void test_reply_to_holds_what_a_response_needs(void **state)
{
    struct span bytes = swapped(S(INVITE), S("CSeq: 7"), S("CSeq: x"));
    struct msg_fault fault;
    struct msg *m, *reply_to;

    (void)state;
    assert_int_equal(msg_parse(bytes, &m, &fault, NULL), ERR_INVALID);
    assert_int_equal(msg_parse(bytes, &m, &fault, &reply_to), ERR_INVALID);
    assert_span(reply_to->via.host, "198.51.100.7");
    assert_span(reply_to->from.tag, "f1");
    assert_span(reply_to->to.uri.host, "192.0.2.1");
    assert_span(reply_to->call_id, "c1@198.51.100.7");
    assert_int_equal(reply_to->cseq_method.n, 0);
    assert_non_null(msg_header(reply_to, HEADER_CSEQ));
    msg_free(reply_to);
    free((char *)bytes.p);
}

/* ";received=" put behind what was understood of such a Via makes a header that others can read. */
static void test_a_malformed_via_is_salvaged_for_the_reply(void **state)
{
    struct span bytes = swapped(S(INVITE), S(";rport\r"), S(";;,;,,\r"));
    struct msg_fault fault;
    struct msg *m, *reply_to;

    (void)state;
    assert_int_equal(msg_parse(bytes, &m, &fault, &reply_to), ERR_INVALID);
    assert_span(reply_to->via.text, "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKa1");
    assert_span(reply_to->via.branch, "z9hG4bKa1");
    assert_int_equal(reply_to->via.port, 5070);
    msg_free(reply_to);
    free((char *)bytes.p);
}

/* Text repeated n times between head and tail; the caller frees .p. */
static struct span repeated(const char *head, const char *text, size_t n, const char *tail)
{
    size_t size = strlen(head) + n * strlen(text) + strlen(tail);
    char *p = malloc(size + 1), *to = stpcpy(p, head);

    for (size_t i = 0; i < n; i++)
        to = stpcpy(to, text);
    stpcpy(to, tail);
    return (struct span){p, size};
}

static void test_limits(void **state)
{
    static const char end[] = VIA FROM TO CALL_ID CSEQ "\r\n";
    static const struct {
        const char *head, *text;
        size_t fits, over;
        const char *tail, *fault;
        int status;
    } cases[] = {
        {REQUEST_LINE,                                           "X: 1\r\n",                              251,  10000, end,         "Too many headers", 513},
        {REQUEST_LINE VIA FROM TO CALL_ID CSEQ,                  "a:\r\n",                                251,  252,   "\r\n",      "Too many headers",
         513                                                                                                                                               },
        {REQUEST_LINE VIA FROM TO CALL_ID CSEQ "X:",             "a",                                     8188, 8189,  "\r\n\r\n",
         "Header line too long",                                                                                                                        513},
        {REQUEST_LINE VIA FROM TO CALL_ID CSEQ "X: a",           "\r\n a",                                2045, 2050,  "\r\n\r\n",
         "Header line too long",                                                                                                                        513},
        {REQUEST_LINE VIA FROM CALL_ID CSEQ "To: <sip:a@b>",     ";a",                                    64,   65,    "\r\n\r\n",
         "Malformed To",                                                                                                                                400},
        {REQUEST_LINE VIA FROM CALL_ID CSEQ "To: <sip:a@b",      ";a",                                    64,   65,    ">\r\n\r\n",
         "Malformed To",                                                                                                                                400},
        {REQUEST_LINE FROM TO CALL_ID CSEQ "Via: SIP/2.0/UDP h", ";a",                                    64,   65,    "\r\n\r\n",
         "Malformed Via",                                                                                                                               400},
        {REQUEST_LINE FROM TO CALL_ID CSEQ VIA,                  "Via: SIP/2.0/UDP h, SIP/2.0/UDP h\r\n", 63,   64,
         "\r\n",                                                                                                                    "Too many Via",     513},
        {REQUEST_LINE FROM TO CALL_ID CSEQ VIA "Route: <sip:a>", ",<sip:a>",                              127,  128,   "\r\n\r\n",
         "Too many Route",                                                                                                                              513},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span fits = repeated(cases[i].head, cases[i].text, cases[i].fits, cases[i].tail);
        struct span over = repeated(cases[i].head, cases[i].text, cases[i].over, cases[i].tail);
        bool answered = memmem(over.p, over.n < 600 ? over.n : 600, "Via:", 4) != NULL;

        msg_free(parsed(fits));
        refused(over, cases[i].fault, cases[i].status, answered);
        free((char *)fits.p);
        free((char *)over.p);
    }
}

static void test_a_message_over_the_largest_datagram_is_dropped(void **state)
{
    struct span fits = repeated(INVITE, "x", 65535 - strlen(INVITE), "");
    struct span over = repeated(INVITE, "x", 65536 - strlen(INVITE), "");

    (void)state;
    msg_free(parsed(fits));
    refused(over, "Message too large", 0, false);
    free((char *)fits.p);
    free((char *)over.p);
}

/* Time for what is hostile to quadratic readers, in CPU seconds. */
static double cost(const char *head, const char *text, size_t n, const char *tail)
{
    struct span bytes = repeated(head, text, n, tail);
    clock_t start = clock();
    struct msg_fault fault;
    struct msg *m;

    for (int i = 0; i < 20; i++) {
        if (msg_parse(bytes, &m, &fault, NULL) == 0)
            msg_free(m);
    }
    free((char *)bytes.p);
    return (double)(clock() - start) / CLOCKS_PER_SEC / 20;
}

static void test_no_message_takes_long(void **state)
{
    static const struct {
        const char *head, *text;
        size_t n;
        const char *tail;
    } cases[] = {
        {REQUEST_LINE VIA,                 "X: 1\r\n",  10000, "\r\n"           },
        {REQUEST_LINE VIA "To: <sip:a@b>", ";abcde",    10000, "\r\n\r\n"       },
        {REQUEST_LINE VIA "To: <sip:a@b>", ";a",        4000,  "\r\n\r\n"       },
        {REQUEST_LINE VIA "Contact: ",     "<<<\"\",,", 1100,  "\r\n\r\n"       },
        {REQUEST_LINE VIA "Contact: ",     "<sip:a>,",  1000,  "<sip:a>\r\n\r\n"},
        {REQUEST_LINE VIA "X:a",           "\r\n b",    15000, "\r\n\r\n"       },
        {REQUEST_LINE VIA "X:",            "\\\0\r\n",  15000, "\r\n\r\n"       },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_true(cost(cases[i].head, cases[i].text, cases[i].n, cases[i].tail) < 0.02);
}

/* Every allocation fails once; each time the message is refused for that, and nothing leaks. */
static void test_the_nth_allocation_fails_for_every_n(void **state)
{
    struct span bad = swapped(S(INVITE), S(";rport\r"), S(" : ;;,\r"));
    struct span texts[] = {S(INVITE), S(RESPONSE), bad};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t n = 1;; n++) {
            struct msg_fault fault;
            struct msg *m, *reply_to;
            int err;

            arena_fail_at(n);
            err = msg_parse(texts[i], &m, &fault, &reply_to);
            msg_free(m);
            msg_free(reply_to);
            if (arena_fail_at(0) > 0)
                break;
            assert_int_equal(err, ERR_NOMEM);
            assert_int_equal(fault.status, 0);
            assert_null(m);
            assert_null(reply_to);
            assert_in_range(n, 1, 100);
        }
    }
    free((char *)bad.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_lines),
        cmocka_unit_test(test_bare_cr_and_lf_end_no_line),
        cmocka_unit_test(test_header_lines),
        cmocka_unit_test(test_one_header_under_all_its_spellings),
        cmocka_unit_test(test_content_lengths),
        cmocka_unit_test(test_octets_past_the_body_are_cut_off),
        cmocka_unit_test(test_headers_that_must_be_there_once),
        cmocka_unit_test(test_header_values),
        cmocka_unit_test(test_bad_responses_are_dropped),
        cmocka_unit_test(test_reasons_may_be_empty_or_utf8),
        cmocka_unit_test(test_an_ack_is_never_answered),
        cmocka_unit_test(test_what_is_no_sip_is_dropped),
        cmocka_unit_test(test_reply_to_holds_what_a_response_needs),
        cmocka_unit_test(test_a_malformed_via_is_salvaged_for_the_reply),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_message_over_the_largest_datagram_is_dropped),
        cmocka_unit_test(test_no_message_takes_long),
        cmocka_unit_test(test_the_nth_allocation_fails_for_every_n),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
