#include "cmocka_all.h"
#include "money.h"

static const struct {
    const char *text;
    int err;
    money_t amount;
} READ[] = {
    {"12",                  ERR_OK,      120000          },
    {"12.5",                ERR_OK,      125000          },
    {"0.0085",              ERR_OK,      85              },
    {"-0.01",               ERR_OK,      -100            },
    {"-0",                  ERR_OK,      0               },
    {"007.10",              ERR_OK,      71000           },
    {"10000000000",         ERR_OK,      100000000000000 },
    {"-10000000000.0000",   ERR_OK,      -100000000000000},
    {"10000000000.0001",    ERR_RANGE,   0               },
    {"10000000001",         ERR_RANGE,   0               },
    {"9999999999999999999", ERR_RANGE,   0               },
    {"0.00851",             ERR_INVALID, 0               },
    {"",                    ERR_INVALID, 0               },
    {"-",                   ERR_INVALID, 0               },
    {".",                   ERR_INVALID, 0               },
    {".5",                  ERR_INVALID, 0               },
    {"5.",                  ERR_INVALID, 0               },
    {"1.2.3",               ERR_INVALID, 0               },
    {"1.-2",                ERR_INVALID, 0               },
    {"--1",                 ERR_INVALID, 0               },
    {"+1",                  ERR_INVALID, 0               },
    {"1e3",                 ERR_INVALID, 0               },
    {"1,50",                ERR_INVALID, 0               },
    {" 1",                  ERR_INVALID, 0               },
    {"$1",                  ERR_INVALID, 0               },
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(READ); i++) {
        money_t v = 4711;
        assert_int_equal(money_parse(span_of(READ[i].text), &v), READ[i].err);
        assert_true(v == (READ[i].err == ERR_OK ? READ[i].amount : 4711));
    }
}

static const struct {
    money_t amount;
    const char *text, *rate;
} PRINTED[] = {
    {0,               "0.00",                "0.0000"               },
    {123456,          "12.35",               "12.3456"              },
    {-123450,         "-12.35",              "-12.3450"             },
    {123449,          "12.34",               "12.3449"              },
    {-123449,         "-12.34",              "-12.3449"             },
    {50,              "0.01",                "0.0050"               },
    {-50,             "-0.01",               "-0.0050"              },
    {-49,             "0.00",                "-0.0049"              },
    {999950,          "100.00",              "99.9950"              },
    {100000000000000, "10000000000.00",      "10000000000.0000"     },
    {INT64_MIN,       "-922337203685477.58", "-922337203685477.5808"},
};

static void test_text(void **state)
{
    (void)state;
    char buf[MONEY_TEXT];
    for (size_t i = 0; i < COUNT(PRINTED); i++) {
        assert_string_equal(money_text(PRINTED[i].amount, buf), PRINTED[i].text);
        assert_string_equal(money_rate_text(PRINTED[i].amount, buf), PRINTED[i].rate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
