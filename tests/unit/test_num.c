#include "cmocka_all.h"
#include "num.h"

static const struct {
    struct span text;
    int64_t min, max;
    int err, signed_err;
    int64_t value;
} CASES[] = {
    {SPAN_LIT("0"),                    0,         9,         ERR_OK,      ERR_OK,      0        },
    {SPAN_LIT("007"),                  0,         9,         ERR_OK,      ERR_OK,      7        },
    {SPAN_LIT("9223372036854775807"),  0,         INT64_MAX, ERR_OK,      ERR_OK,      INT64_MAX},
    {SPAN_LIT("9223372036854775808"),  0,         INT64_MAX, ERR_RANGE,   ERR_RANGE,   0        },
    {SPAN_LIT("9999999999999999999"),  0,         INT64_MAX, ERR_RANGE,   ERR_RANGE,   0        },
    {SPAN_LIT("00000000000000000001"), 0,         9,         ERR_INVALID, ERR_INVALID, 0        }, /* 20 digits */
    {SPAN_LIT("18446744073709551617"), 0,         INT64_MAX, ERR_INVALID, ERR_INVALID, 0        },
    {SPAN_LIT("10"),                   0,         9,         ERR_RANGE,   ERR_RANGE,   0        },
    {SPAN_LIT("1"),                    2,         9,         ERR_RANGE,   ERR_RANGE,   0        },
    {SPAN_LIT(""),                     0,         9,         ERR_INVALID, ERR_INVALID, 0        },
    {SPAN_LIT("+5"),                   0,         9,         ERR_INVALID, ERR_INVALID, 0        },
    {SPAN_LIT(" 5"),                   0,         9,         ERR_INVALID, ERR_INVALID, 0        },
    {SPAN_LIT("5 "),                   0,         9,         ERR_INVALID, ERR_INVALID, 0        },
    {SPAN_LIT("5\0"),                  0,         9,         ERR_INVALID, ERR_INVALID, 0        },
    {SPAN_LIT("0x5"),                  0,         9,         ERR_INVALID, ERR_INVALID, 0        },
    {SPAN_LIT("5.0"),                  0,         9,         ERR_INVALID, ERR_INVALID, 0        },
    {SPAN_LIT("-5"),                   -9,        9,         ERR_INVALID, ERR_OK,      -5       },
    {SPAN_LIT("-0"),                   -9,        9,         ERR_INVALID, ERR_OK,      0        },
    {SPAN_LIT("-10"),                  -9,        9,         ERR_INVALID, ERR_RANGE,   0        },
    {SPAN_LIT("-9223372036854775808"), INT64_MIN, 0,         ERR_INVALID, ERR_OK,      INT64_MIN},
    {SPAN_LIT("-9223372036854775809"), INT64_MIN, 0,         ERR_INVALID, ERR_RANGE,   0        },
    {SPAN_LIT("-"),                    -9,        9,         ERR_INVALID, ERR_INVALID, 0        },
    {SPAN_LIT("--5"),                  -9,        9,         ERR_INVALID, ERR_INVALID, 0        },
};

static void check(int err, int64_t value, int expected_err, int64_t expected)
{
    assert_int_equal(err, expected_err);
    assert_true(value == (err == ERR_OK ? expected : -77));
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        int64_t v = -77;
        int err = num_parse(CASES[i].text, CASES[i].min, CASES[i].max, &v);
        check(err, v, CASES[i].err, CASES[i].value);
    }
}

static void test_parse_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        int64_t v = -77;
        int err = num_parse_signed(CASES[i].text, CASES[i].min, CASES[i].max, &v);
        check(err, v, CASES[i].signed_err, CASES[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
