#include "fixture_sip.h"

static const struct uri_case {
    const char *text; /* NULL in scheme: refused */
    const char *scheme, *user, *host, *params, *headers, *user_params;
    uint16_t port;
} uris[] = {
    {"sip:h",                                        "sip", "", "h", "", "", "", 0},
    {"sip:alice@example.com",                                            "sip", "alice", "example.com", "", "", "", 0},
    {"SIPS:a:secret@h:5061;transport=tcp;lr?X=1&Y=",                                            "SIPS", "a", "h", "transport=tcp;lr",
     "X=1&Y=", "", 5061},
    {"sip:+1555;npdi;rn=+1444@h;user=phone",                                            "sip", "+1555;npdi;rn=+1444", "h", "user=phone", "",
     "npdi;rn=+1444", 0},
    {"sip:null-%00-null@h",                                              "sip", "null-%00-null", "h", "", "", "", 0},
    {"sip:user;par=u%40example.net@h","sip", "user;par=u%40example.net", "h", "", "",
     "par=u%40example.net", 0},
    {"sip:8800#15551234567@h",                                 "sip", "8800#15551234567", "h", "", "", "", 0},
    {"sip:[2001:db8::10]:5070;lr",                                            "sip", "", "2001:db8::10", "lr", "", "", 5070},
    {"sip:u@[::ffff:192.0.2.1]",                                             "sip", "u", "::ffff:192.0.2.1", "", "", "", 0},
    {"sip:h:005060", "sip", "", "h", "", "", "", 5060},
    {"sip:a@gw_1.example.com.",                                           "sip", "a", "gw_1.example.com.", "", "", "", 0},
    {"sip:h;rr=a==;x=%41",                            "sip", "", "h", "rr=a==;x=%41", "", "", 0},
    {"tel:+1-555-0100;phone-context=example.com",                                            "tel", "+1-555-0100", "",
     "phone-context=example.com", "", "", 0},
    {"http://www.example.com/?x",                                              "http", "", "", "", "", "", 0},
    {"soap.beep://192.0.2.103:3002","soap.beep", "", "", "", "", "", 0},
    {.text = ""                                          },
    {.text = "sip"                                           },
    {.text = "sip:"                                            },
    {.text = ":h"                         },
    {.text = "1sip:h"                              },
    {.text = "sip:@h"                                           },
    {.text = "sip::pw@h"                                           },
    {.text = "sip:a@"                                             },
    {.text = "sip:a@b@c"                                           },
    {.text = "sip:a b@h"                                          },
    {.text = "sip:a@h "                                           },
    {.text = "sip:a@h\r\n ;x"                                            },
    {.text = "sip:a@h:"                      },
    {.text = "sip:a@h:0"                           },
    {.text = "sip:a@h:65536"                                           },
    {.text = "sip:a@h:+5060"                                           },
    {.text = "sip:a@h:5060x"                                             },
    {.text = "sip:a@-h"},
    {.text = "sip:a@h,i"                               },
    {.text = "sip:2001:db8::10"                                           },
    {.text = "sip:[2001:db8::10"                                         },
    {.text = "sip:[2001:db8::10::1]"                    },
    {.text = "sip:[2001:db8::10]x"                                          },
    {.text = "sip:[192.0.2.1]"                                           },
    {.text = "sip:[fe80::1%eth0]"                                           },
    {.text = "sip:a%4@h"                                             },
    {.text = "sip:a%zz@h"                                        },
    {.text = "sip:a\"b@h"                                          },
    {.text = "sip:<a>@h"                                           },
    {.text = "sip:a\xc3\xa9@h"                                         },
    {.text = "sip:h;"                     },
    {.text = "sip:h;;lr"                                          },
    {.text = "sip:h;=x"                                           },
    {.text = "sip:h;a="                                           },
    {.text = "sip:h;a=%4"                                             },
    {.text = "sip:h?"             },
    {.text = "tel:"                                          },
    {.text = "tel:+1x"                                           },
    {.text = "urn:"                                            },
};

static void check_uri(const struct msg *m, const struct uri_case *c)
{
    struct uri u;
    int err = msg_read_uri(m, span_of(c->text), &u);

    if ((err == 0) != (c->scheme != NULL))
        fail_msg("%s: %d", c->text, err);
    if (err)
        return;
    assert_span(u.text, c->text);
    assert_span(u.scheme, c->scheme);
    assert_span(u.user, c->user);
    assert_span(u.host, c->host);
    assert_span(u.params, c->params);
    assert_span(u.headers, c->headers);
    assert_span(u.user_params, c->user_params);
    assert_int_equal(u.port, c->port);
}

static void test_uris(void **state)
{
    struct msg *m = parsed(SPAN_LIT(INVITE));

    (void)state;
    for (size_t i = 0; i < COUNT(uris); i++)
        check_uri(m, &uris[i]);
    msg_free(m);
}

static const struct via_case {
    const char *text, *transport, *host, *branch, *received; /* transport NULL: refused */
    uint16_t port;
    bool rport;
    uint16_t rport_value;
} vias[] = {
    {"SIP/2.0/UDP h",                                                                     "UDP", "h", "", "", 0, false, 0},
    {"SIP/2.0/TCP h:5070;branch=z9hG4bK1",                                                                                "TCP", "h", "z9hG4bK1", "", 5070, false, 0},
    {"sip / 2.0\r\n /UDP\t[2001:db8::1]:9 ; rport = 7 ;received=2001:db8::2;x=\"a;b=,\"",                                                                                 "UDP",
     "2001:db8::1", "", "2001:db8::2", 9, true, 7},
    {"SIP/2.0/UDP h : 5070 ; rport",                                                                              "UDP", "h", "", "", 5070, true, 0},
    {"SIP/2.0/UNKNOWN 192.0.2.1;BRANCH=a=b",                                                                                   "UNKNOWN", "192.0.2.1", "a=b", "", 0, false, 0},
    {.text = "SIP/3.0/UDP h"},
    {.text = "HTTP/2.0/UDP h"                                                                        },
    {.text = "SIP/2.0 UDP h"                                                                              },
    {.text = "SIP/2.0/UDP"                                                                                 },
    {.text = "SIP/2.0/UDP "},
    {.text = "SIP/2.0/UDPh"                                                                      },
    {.text = "SIP/2.0/UDP h i"                                                                     },
    {.text = "SIP/2.0/UDP h:"                                                                              },
    {.text = "SIP/2.0/UDP h:0"                                                                                  },
    {.text = "SIP/2.0/UDP h:70000"},
    {.text = "SIP/2.0/UDP [::1"                                                                                },
    {.text = "SIP/2.0/UDP [::g]"                                                                              },
    {.text = "SIP/2.0/UDP h;"                                                                                 },
    {.text = "SIP/2.0/UDP h;;branch=1"                                             },
    {.text = "SIP/2.0/UDP h;branch"                                                                       },
    {.text = "SIP/2.0/UDP h;branch="                                                                                },
    {.text = "SIP/2.0/UDP h;branch=1;branch=2"                                                                             },
    {.text = "SIP/2.0/UDP h;branch=z9hG4bK"                                                                                  },
    {.text = "SIP/2.0/UDP h;rport=x"                                                                                    },
    {.text = "SIP/2.0/UDP h;rport=0"          },
    {.text = "SIP/2.0/UDP h;rport;rport"    },
    {.text = "SIP/2.0/UDP h;received" },
    {.text = "SIP/2.0/UDP h;x=\"open"                                                                                  },
    {.text = "SIP/2.0/UDP h (comment)"            },
};

static void test_vias(void **state)
{
    struct msg *m = parsed(SPAN_LIT(INVITE));

    (void)state;
    for (size_t i = 0; i < COUNT(vias); i++) {
        const struct via_case *c = &vias[i];
        struct via v;
        int err = msg_read_via(m, span_of(c->text), &v);

        if ((err == 0) != (c->transport != NULL))
            fail_msg("%s: %d", c->text, err);
        if (err)
            continue;
        assert_span(v.text, c->text);
        assert_span(v.transport, c->transport);
        assert_span(v.host, c->host);
        assert_span(v.branch, c->branch);
        assert_span(v.received, c->received);
        assert_int_equal(v.port, c->port);
        assert_int_equal(v.rport, c->rport);
        assert_int_equal(v.rport_value, c->rport_value);
        assert_true(span_eq_nocase(v.rport_name, SPAN_LIT("rport")) == c->rport);
    }
    msg_free(m);
}

static const struct name_case {
    const char *text, *display, *uri, *tag, *params; /* uri NULL: refused */
} names[] = {
    {"sip:a@h",                                       "", "sip:a@h", "", ""},
    {"sip:a@h;tag=1;x",                                      "", "sip:a@h", "1", "tag=1;x"},
    {"<sip:a@h;x>",                                             "", "sip:a@h;x", "", ""},
    {"caller<sip:a@h>;tag=1",                               "caller", "sip:a@h", "1", "tag=1"},
    {" A.  B. <sip:a@h> ; TAG = 1",                                      "A.  B.", "sip:a@h", "1", " TAG = 1"},
    {"\"a\\\"<b>, ;c\" <sip:a@h>;x=\";tag=2\";tag=1",                                      "\"a\\\"<b>, ;c\"", "sip:a@h", "1",
     "x=\";tag=2\";tag=1"},
    {"\"\xd1\x84\"\r\n <sip:a@h>",                                   "\"\xd1\x84\"", "sip:a@h", "", ""},
    {"AT&T <tel:+15550100>",                                    "AT&T", "tel:+15550100", "", ""},
    {"<http://www.example.com/;x?y>;tag=1",                                             "", "http://www.example.com/;x?y", "1", "tag=1"},
    {"isbn:2983792873",                         "", "isbn:2983792873", "", ""},
    {.text = ""                                     },
    {.text = "<>"                                       },
    {.text = "a"                  },
    {.text = "a <sip:a@h"                                     },
    {.text = "< sip:a@h >"                                    },
    {.text = "\"open <sip:a@h>"},
    {.text = "\"open\\\" <sip:a@h>"                                     },
    {.text = "\"a\" sip:a@h"                           },
    {.text = "\"a\" b <sip:a@h>"                   },
    {.text = "Bell, A <sip:a@h>"                                     },
    {.text = "<sip:a@h>x"                                            },
    {.text = "<sip:a@h>, <sip:b@h>"                         },
    {.text = "<sip:a@h>;"                               },
    {.text = "<sip:a@h>;tag"                                            },
    {.text = "<sip:a@h>;tag="          },
    {.text = "<sip:a@h>;tag=1;tag=1"                 },
    {.text = "<sip:a@h>;tag=1 2"                                       },
    {.text = "sip:a@h?x=y"                              },
    {.text = "sip:a;b@h"                             },
    {.text = "sip:a@h>"                                            },
    {.text = "<sip:a\r\n @h>"                                     },
};

static void test_name_addrs(void **state)
{
    struct msg *m = parsed(SPAN_LIT(INVITE));

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct name_case *c = &names[i];
        struct name_addr n;
        int err = msg_read_name_addr(m, span_of(c->text), &n);

        if ((err == 0) != (c->uri != NULL))
            fail_msg("%s: %d", c->text, err);
        if (err)
            continue;
        assert_span(n.display, c->display);
        assert_span(n.uri.text, c->uri);
        assert_span(n.tag, c->tag);
        assert_span(n.params, c->params);
    }
    msg_free(m);
}

static const struct {
    const char *params, *name, *value; /* value NULL: not there */
} params[] = {
    {"",                   "a", NULL },
    {"a",                  "a", ""   },
    {";a=b;c",             "c", ""   },
    {"a=b;c",              "A", "b"  },
    {" x ; a = b ",        "a", "b"  },
    {"a=b=c",              "a", "b=c"},
    {"ab=1;a=2",           "a", "2"  },
    {"x=\";a=1\";a=2",     "a", "2"  },
    {"x=\"\\\";a=1\";a=2", "a", "2"  },
    {"x=a",                "a", NULL },
    {"a;a=2",              "a", ""   },
};

static void test_params(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(params); i++) {
        struct span value = SPAN_LIT("untouched");
        bool found = msg_param(span_of(params[i].params), params[i].name, &value);

        assert_int_equal(found, params[i].value != NULL);
        assert_span(value, found ? params[i].value : "untouched");
        assert_int_equal(msg_param(span_of(params[i].params), params[i].name, NULL), found);
    }
    assert_false(msg_param((struct span){NULL, 0}, "a", NULL));
}

static void test_an_invite_is_understood(void **state)
{
    struct msg *m = parsed(SPAN_LIT("\r\n\r\n" INVITE));

    (void)state;
    assert_true(m->is_request);
    assert_int_equal(m->method, METHOD_INVITE);
    assert_span(m->raw, INVITE);
    assert_span(m->uri_text, "sip:12125551234@192.0.2.1:5080;user=phone");
    assert_span(m->uri.user, "12125551234");
    assert_int_equal(m->uri.port, 5080);
    assert_span(m->via.branch, "z9hG4bKa1");
    assert_true(m->via.rport);
    assert_span(m->from.display, "\"Al, B\"");
    assert_span(m->from.tag, "f1");
    assert_span(m->to.uri.user, "12125551234");
    assert_int_equal(m->to.tag.n, 0);
    assert_span(m->call_id, "c1@198.51.100.7");
    assert_int_equal(m->cseq, 7);
    assert_span(m->cseq_method, "INVITE");
    assert_int_equal(m->max_forwards, 70);
    assert_span(m->body, "v=0\n");
    assert_int_equal(m->n_headers, 9);
    assert_span(m->headers[1].line, MAX_FORWARDS);
    assert_null(msg_header(m, HEADER_REASON));
    msg_free(m);
    msg_free(NULL);
}

static void test_a_response_is_understood(void **state)
{
    struct msg *m = parsed(SPAN_LIT(RESPONSE));

    (void)state;
    assert_false(m->is_request);
    assert_int_equal(m->status, 180);
    assert_span(m->reason, "Ringing");
    assert_int_equal(m->method, METHOD_INVITE);
    assert_int_equal(m->max_forwards, -1);
    assert_int_equal(m->body.n, 0);
    msg_free(m);
}

static void test_elements_of_all_lines_in_order(void **state)
{
    static const char *expected[] = {"<sip:a,b@h>", "\"x, \\\", y\" <sip:c>;p=\",\"", "<sip:d>"};
    static const bool only[] = {false, false, true};
    struct span text =
        swapped(SPAN_LIT(INVITE), SPAN_LIT(ROUTE),
                SPAN_LIT("Route: <sip:a,b@h> ,\r\n \"x, \\\", y\" <sip:c>;p=\",\"\r\n"
                         "X-Route: <sip:no>\r\nroute : <sip:d>\r\n"));
    struct msg *m = parsed(text);
    struct element e;
    bool more = msg_element_first(m, HEADER_ROUTE, &e);

    (void)state;
    for (size_t n = 0; n < COUNT(expected); n++) {
        assert_true(more);
        assert_span(e.text, expected[n]);
        assert_int_equal(e.only, only[n]);
        more = msg_element_next(m, HEADER_ROUTE, &e);
    }
    assert_false(more);
    assert_false(msg_element_first(m, HEADER_REASON, &e));
    msg_free(m);
    free((char *)text.p);
}

static void test_empty_elements_of_other_lists_are_skipped(void **state)
{
    struct span text =
        swapped(SPAN_LIT(INVITE), SPAN_LIT(CONTACT),
                SPAN_LIT("Proxy-Require: , a,,b ,\r\nProxy-Require:\r\nProxy-Require: c\r\n"));
    struct msg *m = parsed(text);
    struct element e;
    char seen[8] = "";

    (void)state;
    for (bool more = msg_element_first(m, HEADER_PROXY_REQUIRE, &e); more;
         more = msg_element_next(m, HEADER_PROXY_REQUIRE, &e))
        strncat(seen, e.text.p, e.text.n);
    assert_string_equal(seen, "abc");
    msg_free(m);
    free((char *)text.p);
}

static void test_methods_are_case_sensitive(void **state)
{
    (void)state;
    assert_int_equal(msg_method(SPAN_LIT("INVITE")), METHOD_INVITE);
    assert_int_equal(msg_method(SPAN_LIT("PUBLISH")), METHOD_PUBLISH);
    assert_int_equal(msg_method(SPAN_LIT("invite")), METHOD_OTHER);
    assert_int_equal(msg_method(SPAN_LIT("INVITES")), METHOD_OTHER);
    assert_int_equal(msg_method((struct span){NULL, 0}), METHOD_OTHER);
}

static void test_reason_phrases(void **state)
{
    (void)state;
    assert_string_equal(msg_reason(100), "Trying");
    assert_string_equal(msg_reason(487), "Request Terminated");
    assert_string_equal(msg_reason(299), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uris),
        cmocka_unit_test(test_vias),
        cmocka_unit_test(test_name_addrs),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_an_invite_is_understood),
        cmocka_unit_test(test_a_response_is_understood),
        cmocka_unit_test(test_elements_of_all_lines_in_order),
        cmocka_unit_test(test_empty_elements_of_other_lists_are_skipped),
        cmocka_unit_test(test_methods_are_case_sensitive),
        cmocka_unit_test(test_reason_phrases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
