#include "cmocka_all.h"
#include "network.h"

static const struct {
    const char *network, *inside, *outside; /* inside NULL: refused */
} CASES[] = {
    {"192.0.2.1",        "192.0.2.1",       "192.0.2.2"      },
    {"192.0.2.0/24",     "192.0.2.255",     "192.0.3.0"      },
    {"192.0.2.128/25",   "192.0.2.128",     "192.0.2.127"    },
    {"192.0.2.6/31",     "192.0.2.7",       "192.0.2.5"      },
    {"0.0.0.0/0",        "255.255.255.255", "::1"            },
    {"::/0",             "2001:db8::1",     "192.0.2.1"      },
    {"2001:db8::/32",    "2001:db8:ffff::", "2001:db9::"     },
    {"2001:db8::/35",    "2001:db8:1fff::", "2001:db8:2000::"},
    {"2001:db8::1",      "2001:db8::1",     "2001:db8::2"    },
    {"::ffff:192.0.2.0", "192.0.2.0",       "::1"            },
    {"192.0.2.1/24",     NULL,              NULL             },
    {"192.0.2.0/33",     NULL,              NULL             },
    {"192.0.2.0/",       NULL,              NULL             },
    {"192.0.2.0/-1",     NULL,              NULL             },
    {"192.0.2.0/24/24",  NULL,              NULL             },
    {"2001:db8::1/64",   NULL,              NULL             },
    {"2001:db8::/129",   NULL,              NULL             },
    {"192.0.2/24",       NULL,              NULL             },
    {"/24",              NULL,              NULL             },
    {"",                 NULL,              NULL             },
    {"localhost",        NULL,              NULL             },
};

static struct addr address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(span_of(text), 0, &a), ERR_OK);
    return a;
}

static void test_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct network n;
        int err = network_parse(span_of(CASES[i].network), &n);
        assert_int_equal(err, CASES[i].inside ? ERR_OK : ERR_INVALID);
        if (err != ERR_OK)
            continue;
        struct addr in = address(CASES[i].inside), out = address(CASES[i].outside);
        assert_true(network_holds(&n, &in));
        assert_false(network_holds(&n, &out));
    }
}

static void test_lists(void **state)
{
    (void)state;
    struct addr a = address("192.0.2.9"), b = address("2001:db8::9"), c = address("198.51.100.1");
    struct span list = SPAN_LIT("192.0.2.0/24, 2001:db8::/32");
    assert_int_equal(network_list_check(list), ERR_OK);
    assert_true(network_list_holds(list, &a));
    assert_true(network_list_holds(list, &b));
    assert_false(network_list_holds(list, &c));
    assert_int_equal(network_list_check(SPAN_LIT("")), ERR_OK);
    assert_false(network_list_holds(SPAN_LIT(""), &a));
    assert_int_equal(network_list_check(SPAN_LIT("192.0.2.0/24,x")), ERR_INVALID);
    assert_int_equal(network_list_check(SPAN_LIT("192.0.2.1,,192.0.2.2")), ERR_INVALID);
    assert_true(network_list_holds(SPAN_LIT("x,192.0.2.9"), &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
