#include "cmocka_all.h"
#include "phone.h"

static const struct {
    const char *text, *nanp, *e164; /* NULL: refused */
} CASES[] = {
    {"2065550100",       "2065550100", "12065550100"    },
    {"12065550100",      "2065550100", "12065550100"    },
    {"+12065550100",     "2065550100", "12065550100"    },
    {"+2065550100",      NULL,         "2065550100"     }, /* country code 20 */
    {"206-555-0100",     NULL,         "12065550100"    },
    {"(206)555.0100",    NULL,         "12065550100"    },
    {"+1(206)555-0100",  NULL,         "12065550100"    },
    {"206 555 0100",     NULL,         NULL             },
    {"1065550100",       NULL,         "1065550100"     }, /* NPA below 2 */
    {"2965550100",       NULL,         "2965550100"     }, /* N9X is kept for expansion */
    {"4115550100",       NULL,         "4115550100"     }, /* N11 */
    {"2061550100",       NULL,         "2061550100"     }, /* NXX below 2 */
    {"2069110100",       NULL,         "2069110100"     }, /* NXX N11 */
    {"22065550100",      NULL,         "22065550100"    }, /* 11 digits without the 1 */
    {"112065550100",     NULL,         "112065550100"   },
    {"+442071234567",    NULL,         "442071234567"   },
    {"911",              NULL,         "911"            },
    {"91",               NULL,         NULL             },
    {"123456789012345",  NULL,         "123456789012345"},
    {"+123456789012345", NULL,         "123456789012345"},
    {"1234567890123456", NULL,         NULL             },
    {"++12065550100",    NULL,         NULL             },
    {"1+2065550100",     NULL,         NULL             },
    {"-+12065550100",    NULL,         "12065550100"    },
    {"206555010a",       NULL,         NULL             },
    {"",                 NULL,         NULL             },
    {"+",                NULL,         NULL             },
    {"----",             NULL,         NULL             },
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct phone p = {"kept"};
        int err = phone_parse(span_of(CASES[i].text), &p);
        assert_int_equal(err, CASES[i].nanp != NULL ? ERR_OK : ERR_INVALID);
        assert_string_equal(p.digits, CASES[i].nanp != NULL ? CASES[i].nanp : "kept");
    }
}

static void test_e164(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        char digits[PHONE_E164_MAX + 1] = "kept";
        int err = phone_e164(span_of(CASES[i].text), digits);
        assert_int_equal(err, CASES[i].e164 != NULL ? ERR_OK : ERR_INVALID);
        assert_string_equal(digits, CASES[i].e164 != NULL ? CASES[i].e164 : "kept");
    }
    char digits[PHONE_E164_MAX + 1];
    assert_int_equal(phone_e164(SPAN_LIT("206555\0100"), digits), ERR_INVALID);
}

static void test_block(void **state)
{
    (void)state;
    assert_true(phone_block_valid(SPAN_LIT("206555")));
    assert_true(phone_block_valid(SPAN_LIT("212990")));
    static const char *const BAD[] = {"",       "20655",  "2065550", "106555", "290555",
                                      "206155", "311555", "206211",  "20655x", "+20655"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        assert_false(phone_block_valid(span_of(BAD[i])));
}

static void test_tollfree(void **state)
{
    (void)state;
    assert_true(phone_tollfree("800,833, 844", "800"));
    assert_true(phone_tollfree("800,833, 844", "8445550100"));
    assert_false(phone_tollfree("800,833", "844"));
    assert_false(phone_tollfree("", "800"));
    assert_false(phone_tollfree("8000", "800"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_e164),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_tollfree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
