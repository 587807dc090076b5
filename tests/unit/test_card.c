#include <string.h>

#include "card.h"
#include "cmocka_all.h"
#include "payment.h"

static void test_luhn(void **state)
{
    (void)state;
    static const struct {
        const char *digits;
        bool valid;
    } cases[] = {
        {"4242424242424242",    true },
        {"4242424242424241",    false},
        {"378282246310005",     true },
        {"6011111111111117",    true },
        {"79927398713",         true },
        {"79927398710",         false},
        {"0",                   true },
        {"",                    false},
        {"4242 4242 4242 4242", false},
        {"424242424242424a",    false},
        {"6304000000000000000", true },
        {"2424242424242424",    false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(card_luhn(span_of(cases[i].digits)), cases[i].valid);
}

static void test_every_wrong_digit_is_noticed(void **state)
{
    (void)state;
    char number[] = "4242424242424242";
    for (size_t i = 0; i < strlen(number); i++) {
        char right = number[i];
        for (int digit = 0; digit < 10; digit++) {
            number[i] = (char)('0' + digit);
            assert_int_equal(card_luhn(span_of(number)), number[i] == right);
        }
        number[i] = right;
    }
}

static void test_year(void **state)
{
    (void)state;
    assert_int_equal(card_year(span_of("30")), 2030);
    assert_int_equal(card_year(span_of("00")), 2000);
    assert_int_equal(card_year(span_of("2031")), 2031);
    assert_int_equal(card_year(span_of("203")), 0);
    assert_int_equal(card_year(span_of("3")), 0);
    assert_int_equal(card_year(span_of("x1")), 0);
}

static void test_a_card_lasts_to_the_end_of_its_month(void **state)
{
    (void)state;
    const int64_t last_second = 1798761599; /* 2026-12-31 23:59:59 */
    assert_false(card_expired(12, 2026, last_second));
    assert_true(card_expired(12, 2026, last_second + 1));
    assert_true(card_expired(11, 2026, last_second));
    assert_false(card_expired(1, 2027, last_second));
    assert_true(card_expired(12, 2025, last_second));
}

static void test_fee(void **state)
{
    (void)state;
    static const struct {
        int64_t bp, fixed, amount, fee;
    } cases[] = {
        {0,     0,     100000, 0     },
        {290,   3000,  100000, 5900  }, /* 2.9% of $10 and 30 cents */
        {290,   0,     3300,   100   }, /* 0.957 cents become one */
        {10,    0,     100000, 100   },
        {1,     0,     100000, 0     }, /* a tenth of a cent */
        {0,     50000, 10000,  10000 }, /* never more than what was charged */
        {10000, 0,     250000, 250000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        gateway_settings s = {.fee_bp = cases[i].bp, .fee_fixed = cases[i].fixed};
        assert_int_equal(payment_fee(&s, cases[i].amount), cases[i].fee);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_luhn), cmocka_unit_test(test_every_wrong_digit_is_noticed),
        cmocka_unit_test(test_year), cmocka_unit_test(test_a_card_lasts_to_the_end_of_its_month),
        cmocka_unit_test(test_fee),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
