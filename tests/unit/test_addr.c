#include "addr.h"
#include "cmocka_all.h"

static const struct {
    const char *text, *printed; /* NULL: refused */
} HOSTS[] = {
    {"192.0.2.1",             "192.0.2.1"           },
    {"0.0.0.0",               "0.0.0.0"             },
    {"192.0.2.01",            NULL                  },
    {"192.0.2",               NULL                  },
    {"192.0.2.256",           NULL                  },
    {"192.0.2.1 ",            NULL                  },
    {"0x7f.0.0.1",            NULL                  },
    {"2130706433",            NULL                  },
    {"[192.0.2.1]",           NULL                  },
    {"::1",                   "::1"                 },
    {"[::1]",                 "::1"                 },
    {"2001:DB8:0:0:0:0:0:10", "2001:db8::10"        },
    {"2001:db8:0:1:1:1:1:1",  "2001:db8:0:1:1:1:1:1"},
    {"::ffff:192.0.2.1",      "192.0.2.1"           },
    {"::ffff:c000:201",       "192.0.2.1"           },
    {"fe80::1%eth0",          NULL                  },
    {"[::1",                  NULL                  },
    {"::1]",                  NULL                  },
    {"[]",                    NULL                  },
    {"",                      NULL                  },
    {"example.com",           NULL                  },
    {"1:2:3",                 NULL                  },
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(HOSTS); i++) {
        struct addr a;
        char buf[ADDR_TEXT];
        int err = addr_parse(span_of(HOSTS[i].text), 5060, &a);
        assert_int_equal(err, HOSTS[i].printed != NULL ? ERR_OK : ERR_INVALID);
        if (err == ERR_OK) {
            assert_string_equal(addr_text(&a, buf), HOSTS[i].printed);
            assert_int_equal(addr_port(&a), 5060);
        }
    }
    struct addr a;
    assert_int_equal(addr_parse(SPAN_LIT("192.0.2.1\0x"), 1, &a), ERR_INVALID);
}

static const struct {
    const char *text, *printed;
} PAIRS[] = {
    {"192.0.2.1:5080",       "192.0.2.1:5080"     },
    {"192.0.2.1",            "192.0.2.1:5060"     },
    {"[2001:db8::1]:65535",  "[2001:db8::1]:65535"},
    {"[2001:db8::1]",        "[2001:db8::1]:5060" },
    {"2001:db8::1",          "[2001:db8::1]:5060" },
    {"[::ffff:192.0.2.1]:7", "192.0.2.1:7"        },
    {"192.0.2.1:0",          NULL                 },
    {"192.0.2.1:65536",      NULL                 },
    {"192.0.2.1:005060",     NULL                 },
    {"192.0.2.1:",           NULL                 },
    {"192.0.2.1:+5",         NULL                 },
    {"[::1]:",               NULL                 },
    {"[::1]5060",            NULL                 },
    {"[::1]:5060:1",         NULL                 },
    {":5060",                NULL                 },
    {":",                    NULL                 },
    {"",                     NULL                 },
};

static void test_parse_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(PAIRS); i++) {
        struct addr a;
        char buf[ADDR_PORT_TEXT];
        int err = addr_parse_port(span_of(PAIRS[i].text), 5060, &a);
        assert_int_equal(err, PAIRS[i].printed != NULL ? ERR_OK : ERR_INVALID);
        if (err == ERR_OK)
            assert_string_equal(addr_port_text(&a, buf), PAIRS[i].printed);
    }
}

static struct addr read_pair(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse_port(span_of(text), 5060, &a), ERR_OK);
    return a;
}

static void test_compare(void **state)
{
    (void)state;
    struct addr a = read_pair("192.0.2.1"), b = read_pair("192.0.2.1:5061"),
                c = read_pair("192.0.2.2"), d = read_pair("[::1]:5060"),
                e = read_pair("[::2]:5060");
    assert_true(addr_eq(&a, &a));
    assert_true(addr_eq(&d, &d));
    assert_true(addr_eq_host(&a, &b));
    assert_false(addr_eq(&a, &b));
    assert_false(addr_eq_host(&a, &c));
    assert_false(addr_eq_host(&a, &d));
    assert_false(addr_eq_host(&d, &e));
    assert_int_equal(addr_len(&a), sizeof(struct sockaddr_in));
    assert_int_equal(addr_len(&d), sizeof(struct sockaddr_in6));
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool loopback, unroutable;
    } KINDS[] = {
        {"127.0.0.1",        true,  false},
        {"127.255.0.9",      true,  false},
        {"128.0.0.1",        false, false},
        {"::1",              true,  false},
        {"::ffff:127.0.0.1", true,  false},
        {"10.0.0.1",         false, false},
        {"0.0.0.0",          false, true },
        {"0.1.2.3",          false, true },
        {"169.254.1.1",      false, true },
        {"169.253.1.1",      false, false},
        {"224.0.0.1",        false, true },
        {"239.255.255.255",  false, true },
        {"255.255.255.255",  false, true },
        {"223.255.255.1",    false, false},
        {"::",               false, true },
        {"ff02::1",          false, true },
        {"fe80::1",          false, true },
        {"2001:db8::1",      false, false},
        {"::127.0.0.1",      false, true },
        {"64:ff9b::7f00:1",  false, true },
        {"64:ff9b::808:808", false, false},
    };
    for (size_t i = 0; i < COUNT(KINDS); i++) {
        struct addr a = read_pair(KINDS[i].text);
        assert_int_equal(addr_is_loopback(&a), KINDS[i].loopback);
        assert_int_equal(addr_is_unroutable(&a), KINDS[i].unroutable);
    }
}

static void test_public(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_public;
    } KINDS[] = {
        {"8.8.8.8",              true },
        {"9.255.255.255",        true },
        {"10.0.0.1",             false},
        {"11.0.0.1",             true },
        {"100.63.255.255",       true },
        {"100.64.0.1",           false},
        {"100.127.255.255",      false},
        {"100.128.0.1",          true },
        {"127.0.0.1",            false},
        {"169.254.169.254",      false},
        {"172.15.0.1",           true },
        {"172.16.0.1",           false},
        {"172.31.255.255",       false},
        {"172.32.0.1",           true },
        {"192.0.0.8",            false},
        {"192.0.2.1",            false},
        {"192.168.1.1",          false},
        {"192.169.0.1",          true },
        {"198.19.0.1",           false},
        {"198.20.0.1",           true },
        {"203.0.113.9",          false},
        {"0.0.0.0",              false},
        {"224.0.0.1",            false},
        {"255.255.255.255",      false},
        {"::ffff:10.0.0.1",      false},
        {"2606:4700::1111",      true },
        {"2001:4860:4860::8888", true },
        {"2001:0:1::1",          false},
        {"2001:db8::1",          false},
        {"2002:7f00:1::",        false},
        {"3fff:fff::1",          false},
        {"3fff:1000::1",         true },
        {"::",                   false},
        {"::1",                  false},
        {"::8.8.8.8",            false},
        {"fc00::1",              false},
        {"fd12:3456::1",         false},
        {"fe80::1",              false},
        {"fec0::1",              false},
        {"ff02::1",              false},
        {"64:ff9b::808:808",     true },
        {"64:ff9b::a00:1",       false},
        {"64:ff9b::7f00:1",      false},
        {"64:ff9b:1::808:808",   false},
    };
    for (size_t i = 0; i < COUNT(KINDS); i++) {
        struct addr a = read_pair(KINDS[i].text);
        if (addr_is_public(&a) != KINDS[i].is_public)
            fail_msg("%s", KINDS[i].text);
    }
}

static void test_names(void **state)
{
    (void)state;
    char long_label[80], long_name[300];
    memset(long_label, 'a', sizeof long_label);
    for (size_t i = 0; i < sizeof long_name; i++)
        long_name[i] = i % 50 == 49 ? '.' : 'a';
    const struct {
        struct span text;
        int port; /* -1: no name */
    } NAMES[] = {
        {SPAN_LIT("gw.example.com"),      0    },
        {SPAN_LIT("gw.example.com:5080"), 5080 },
        {SPAN_LIT("localhost"),           0    },
        {SPAN_LIT("Gw-1.example:65535"),  65535},
        {SPAN_LIT("1a.2b"),               0    },
        {SPAN_LIT("123.example"),         0    },
        {{long_label, 63},                0    },
        {{long_name, 249},                0    },
        {SPAN_LIT(""),                    -1   },
        {SPAN_LIT("192.0.2.1"),           -1   },
        {SPAN_LIT("192.0.2.1:5060"),      -1   },
        {SPAN_LIT("192.0.2"),             -1   },
        {SPAN_LIT("example.1"),           -1   },
        {SPAN_LIT("2001:db8::1"),         -1   },
        {SPAN_LIT("[2001:db8::1]:5060"),  -1   },
        {SPAN_LIT("-gw.example"),         -1   },
        {SPAN_LIT("gw-.example"),         -1   },
        {SPAN_LIT("gw..example"),         -1   },
        {SPAN_LIT(".example"),            -1   },
        {SPAN_LIT("example."),            -1   },
        {SPAN_LIT("_sip._udp.example"),   -1   },
        {SPAN_LIT("gw example"),          -1   },
        {SPAN_LIT("gw.example:"),         -1   },
        {SPAN_LIT("gw.example:0"),        -1   },
        {SPAN_LIT("gw.example:65536"),    -1   },
        {SPAN_LIT("gw.example:5060x"),    -1   },
        {{long_label, 64},                -1   },
        {{long_name, 299},                -1   },
    };
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        struct span name = {0};
        uint16_t port = 9;
        int err = addr_parse_name(NAMES[i].text, &name, &port);
        assert_int_equal(err, NAMES[i].port < 0 ? ERR_INVALID : ERR_OK);
        assert_int_equal(port, err == ERR_OK ? NAMES[i].port : 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),   cmocka_unit_test(test_parse_port),
        cmocka_unit_test(test_compare), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_public),  cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
