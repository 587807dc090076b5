#include "cmocka_all.h"
#include "redis_target.h"
#include "redis_wire.h"

static const struct {
    const char *address, *host, *path; /* host NULL: refused */
    int port;
} CASES[] = {
    {"127.0.0.1:6379",       "127.0.0.1",         "",                6379},
    {"redis.example.com:1",  "redis.example.com", "",                1   },
    {"[::1]:6379",           "::1",               "",                6379},
    {"unix:/run/redis.sock", "",                  "/run/redis.sock", 0   },
    {"unix:",                NULL,                NULL,              0   },
    {"unix:run",             NULL,                NULL,              0   },
    {"127.0.0.1",            NULL,                NULL,              0   },
    {"127.0.0.1:",           NULL,                NULL,              0   },
    {"127.0.0.1:0",          NULL,                NULL,              0   },
    {"127.0.0.1:65536",      NULL,                NULL,              0   },
    {"::1:6379",             NULL,                NULL,              0   },
    {":6379",                NULL,                NULL,              0   },
    {"",                     NULL,                NULL,              0   },
    {NULL,                   NULL,                NULL,              0   },
};

static void test_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct redis_target t;
        int err = redis_target_address(CASES[i].address, &t);
        assert_int_equal(err, CASES[i].host != NULL ? ERR_OK : ERR_INVALID);
        if (err != ERR_OK)
            continue;
        assert_string_equal(t.host, CASES[i].host);
        assert_string_equal(t.path, CASES[i].path);
        assert_int_equal(t.port, CASES[i].port);
    }
}

static void test_auth(void **state)
{
    (void)state;
    static const struct {
        const char *user, *password;
        size_t n;
    } LOGINS[] = {
        {NULL, NULL, 0},
        {"u",  "",   0},
        {"",   "p",  2},
        {NULL, "p",  2},
        {"u",  "p",  3}
    };
    for (size_t i = 0; i < COUNT(LOGINS); i++) {
        struct redis_settings s = {"127.0.0.1:1", LOGINS[i].user, LOGINS[i].password, 100, 1, NULL,
                                   NULL};
        struct redis_target t;
        struct cmd c = {0};
        assert_int_equal(redis_target_set(&s, &t), ERR_OK);
        redis_target_auth(&t, &c);
        assert_int_equal(c.n, LOGINS[i].n);
        if (c.n > 0)
            assert_string_equal(c.argv[c.n - 1], "p");
        cmd_free(&c);
    }
}

static void test_wire(void **state)
{
    (void)state;
    struct redis_wire w = {0};
    const char *const argv[] = {"SET", "k", "a\0b"};
    const size_t lens[] = {3, 1, 3};
    assert_int_equal(redis_wire_add(&w, 3, argv, lens), ERR_OK);
    assert_int_equal(redis_wire_add(&w, 1, (const char *const[]){"PING"}, NULL), ERR_OK);
    static const char EXPECTED[] =
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na\0b\r\n*1\r\n$4\r\nPING\r\n";
    assert_int_equal(w.n, sizeof(EXPECTED) - 1);
    assert_memory_equal(w.p, EXPECTED, w.n);
    redis_wire_clear(&w);
    assert_int_equal(w.n, 0);
    redis_wire_free(&w);
}

static void test_cmd(void **state)
{
    (void)state;
    struct cmd c = {0};
    cmd_fcall(&c, "did_route", "did:2065550100");
    cmd_text(&c, NULL);
    cmd_span(&c, SPAN_LIT("a\0b"));
    cmd_int(&c, INT64_MIN);
    for (int i = 0; i < 100; i++)
        cmd_int(&c, i);
    static const char *const EXPECTED[] = {"FCALL", "did_route", "1", "did:2065550100", ""};
    for (size_t i = 0; i < COUNT(EXPECTED); i++)
        assert_string_equal(c.argv[i], EXPECTED[i]);
    assert_int_equal(c.lens[5], 3);
    assert_string_equal(c.argv[6], "-9223372036854775808");
    assert_string_equal(c.argv[106], "99");
    assert_int_equal(c.n, 107);
    assert_false(c.failed);
    cmd_free(&c);
    assert_null(c.argv);
    cmd_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_wire),
        cmocka_unit_test(test_cmd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
