#include "cmocka_all.h"
#include "clock.h"

static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
} READ[] = {
    {"1970-01-01",                  0            },
    {"2015-02-01",                  1422748800000},
    {"2015-02-01 12:34:56",         1422794096000},
    {"2015-02-01T12:34:56Z",        1422794096000},
    {"2015-02-01T12:34:56.5Z",      1422794096500},
    {"2015-02-01T12:34:56.123456Z", 1422794096123},
    {"2024-02-29",                  1709164800000},
    {"2023-02-29",                  -1           },
    {"2100-02-29",                  -1           },
    {"2015-13-01",                  -1           },
    {"2015-00-01",                  -1           },
    {"2015-01-00",                  -1           },
    {"2015-01-32",                  -1           },
    {"2015-04-31",                  -1           },
    {"2015-02-01 24:00:00",         -1           },
    {"2015-02-01 23:60:00",         -1           },
    {"2015-02-01 23:59:60",         -1           },
    {"2015-02-01T12:34:56",         -1           },
    {"2015-02-01T12:34:56.Z",       -1           },
    {"2015-02-01T12:34:56.+1Z",     -1           },
    {"2015-02-01 12:34:56.5Z",      -1           },
    {"2015-02-01T12:34:56+00:00",   -1           },
    {"2015-2-1",                    -1           },
    {"15-02-01",                    -1           },
    {"2015/02/01",                  -1           },
    {" 2015-02-01",                 -1           },
    {"2015-02-01 ",                 -1           },
    {"",                            -1           },
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(READ); i++) {
        int64_t ms = -1;
        int err = clock_parse(span_of(READ[i].text), &ms);
        assert_int_equal(err, READ[i].ms < 0 ? ERR_INVALID : ERR_OK);
        assert_true(ms == READ[i].ms);
    }
}

static void test_text(void **state)
{
    (void)state;
    char buf[CLOCK_TEXT];
    assert_string_equal(clock_text(1422794096999, buf), "2015-02-01 12:34:56");
    assert_string_equal(clock_text(0, buf), "1970-01-01 00:00:00");
    assert_string_equal(clock_text(-1, buf), "1969-12-31 23:59:59");
    assert_string_equal(clock_text(INT64_MAX, buf), "9999-12-31 23:59:59");
    assert_string_equal(clock_text(INT64_MIN, buf), "0000-01-01 00:00:00");
}

static void test_boot(void **state)
{
    (void)state;
    int64_t first = clock_boot_ms();
    assert_true(first > 0);
    assert_true(clock_boot_ms() >= first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
