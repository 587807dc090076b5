#include "client.h"
#include "cmocka_all.h"

#define TRUSTED "10.0.0.0/8, 2001:db8:ffff::/48"

static const struct {
    const char *peer, *header, *forwarded, *proto; /* forwarded: in the header that is configured */
    const char *client;
    bool secure;
} CASES[] = {
  /* a stranger's headers count for nothing */
    {"192.0.2.1",        "X-Forwarded-For", "198.51.100.1",                        "https", "192.0.2.1",    false},
    {"192.0.2.1",        "Forwarded",       "for=198.51.100.1;proto=https",        "",      "192.0.2.1",    false},
 /* a proxy's do */
    {"10.0.0.1",         "X-Forwarded-For", "198.51.100.1",                        "https", "198.51.100.1", true },
    {"10.0.0.1",         "X-Forwarded-For", "198.51.100.1:4711",                   "http",  "198.51.100.1", false},
    {"10.0.0.1",         "X-Forwarded-For", "2001:db8::1",                         "",      "2001:db8::1",  false},
    {"10.0.0.1",         "X-Forwarded-For", "[2001:db8::1]:4711",                  "",      "2001:db8::1",  false},
    {"10.0.0.1",         "X-Forwarded-For", "",                                    "",      "10.0.0.1",     false},
 /* but not what was there before it */
    {"10.0.0.1",         "X-Forwarded-For", "203.0.113.5, 198.51.100.1",           "",      "198.51.100.1", false},
    {"10.0.0.1",         "X-Forwarded-For", "203.0.113.5, 198.51.100.1, 10.0.0.2", "",      "198.51.100.1",
     false                                                                                                       },
    {"10.0.0.1",         "X-Forwarded-For", "10.0.0.3, 10.0.0.2",                  "",      "10.0.0.3",     false},
    {"10.0.0.1",         "X-Forwarded-For", "198.51.100.1, unknown",               "",      "10.0.0.1",     false},
    {"10.0.0.1",         "X-Forwarded-For", "198.51.100.1,",                       "",      "10.0.0.1",     false},
    {"10.0.0.1",         "X-Forwarded-For", "198.51.100.1, junk, 10.0.0.2",        "",      "10.0.0.2",     false},
 /* RFC 7239 */
    {"10.0.0.1",         "Forwarded",       "for=198.51.100.1",                    "https", "198.51.100.1", false},
    {"10.0.0.1",         "Forwarded",       "proto=https;For=\"198.51.100.1:80\"", "",      "198.51.100.1", true },
    {"10.0.0.1",         "Forwarded",       "for=\"[2001:db8::1]:4711\";by=x",     "",      "2001:db8::1",  false},
    {"10.0.0.1",         "Forwarded",
     "for=203.0.113.5, for=198.51.100.1; proto=https, for=10.0.0.2;proto=http",    "",      "198.51.100.1",
     true                                                                                                        },
    {"10.0.0.1",         "Forwarded",       "for=198.51.100.1, for=_hidden",       "",      "10.0.0.1",     false},
    {"10.0.0.1",         "Forwarded",       "for=198.51.100.1, proto=https",       "",      "10.0.0.1",     false},
    {"2001:db8:ffff::1", "Forwarded",       "for=198.51.100.1",                    "",      "198.51.100.1", false},
};

static void test_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct http_request r = {.forwarded_proto = span_of(CASES[i].proto)};
        struct span list = span_of(CASES[i].forwarded);
        if (strcmp(CASES[i].header, "Forwarded") == 0)
            r.forwarded = list;
        else
            r.forwarded_for = list;
        assert_int_equal(addr_parse(span_of(CASES[i].peer), 1234, &r.peer), ERR_OK);
        struct client c = client_of(&r, TRUSTED, CASES[i].header);
        assert_string_equal(c.text, CASES[i].client);
        assert_int_equal(c.secure, CASES[i].secure);
    }
}

static void test_direct(void **state)
{
    (void)state;
    struct http_request r = {.tls = true, .forwarded_for = SPAN_LIT("198.51.100.1")};
    assert_int_equal(addr_parse(SPAN_LIT("127.0.0.1"), 1234, &r.peer), ERR_OK);
    struct client c = client_of(&r, "", "X-Forwarded-For");
    assert_string_equal(c.text, "127.0.0.1");
    assert_true(c.secure);
}

/* A long list is read no further than it may be. */
static void test_hops(void **state)
{
    (void)state;
    char list[2048] = "198.51.100.1";
    for (int i = 0; i < 100; i++)
        strcat(list, ",10.0.0.9");
    struct http_request r = {.forwarded_for = span_of(list)};
    assert_int_equal(addr_parse(SPAN_LIT("10.0.0.1"), 1234, &r.peer), ERR_OK);
    assert_string_equal(client_of(&r, TRUSTED, "X-Forwarded-For").text, "10.0.0.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_hops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
