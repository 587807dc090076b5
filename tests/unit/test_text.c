#include "cmocka_all.h"
#include "text.h"

static void test_set(void **state)
{
    char buf[4] = "xxx";
    (void)state;
    text_set(buf, sizeof buf, "ab");
    assert_string_equal(buf, "ab");
    text_set(buf, sizeof buf, "abcd");
    assert_string_equal(buf, "abc");
    text_set(buf, sizeof buf, "");
    assert_string_equal(buf, "");
    text_set_span(buf, sizeof buf, SPAN_LIT("wxyz"));
    assert_string_equal(buf, "wxy");
    text_set_span(buf, 1, SPAN_LIT("wxyz"));
    assert_string_equal(buf, "");
    text_set_span(buf, sizeof buf, (struct span){0});
    assert_string_equal(buf, "");
}

static void test_number(void **state)
{
    static const struct {
        int64_t n;
        const char *text;
    } cases[] = {
        {0,         "0"                   },
        {7,         "7"                   },
        {10,        "10"                  },
        {-1,        "-1"                  },
        {INT64_MAX, "9223372036854775807" },
        {INT64_MIN, "-9223372036854775808"},
    };
    char buf[TEXT_NUMBER];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(text_number(cases[i].n, buf), cases[i].text);
    char digits[20];
    assert_ptr_equal(text_digits(UINT64_MAX, digits), digits + 20);
    assert_memory_equal(digits, "18446744073709551615", 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
