#include "cmocka_all.h"
#include "err.h"
#include "span.h"

static void test_err_texts(void **state)
{
    (void)state;
    for (int err = ERR_SYSTEM; err <= ERR_OK; err++)
        assert_string_not_equal(err_text(err), "unknown error");
    assert_string_equal(err_text(ERR_SYSTEM - 1), "unknown error");
    assert_string_equal(err_text(1), "unknown error");
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(span_eq(span_of(NULL), SPAN_LIT("")));
    assert_true(span_eq(SPAN_LIT("a\0b"), SPAN_LIT("a\0b")));
    assert_false(span_eq(SPAN_LIT("a\0b"), SPAN_LIT("a\0c")));
    assert_false(span_eq(SPAN_LIT("ab"), SPAN_LIT("aB")));
    assert_true(span_eq_nocase(SPAN_LIT("Via"), SPAN_LIT("vIA")));
    assert_false(span_eq_nocase(SPAN_LIT("Via"), SPAN_LIT("Via ")));
    assert_false(span_eq_nocase(SPAN_LIT("@"), SPAN_LIT("`"))); /* 0x20 apart, no letters */
    assert_true(span_starts_nocase(SPAN_LIT("SIP:x"), SPAN_LIT("sip:")));
    assert_false(span_starts_nocase(SPAN_LIT("si"), SPAN_LIT("sip:")));
}

static void test_trim(void **state)
{
    (void)state;
    assert_true(span_eq(span_trim(SPAN_LIT(" \t\r\na b\n ")), SPAN_LIT("a b")));
    assert_int_equal(span_trim(SPAN_LIT(" \t ")).n, 0);
    assert_int_equal(span_trim(span_of(NULL)).n, 0);
}

static void test_cut(void **state)
{
    (void)state;
    static const char *const EXPECTED[] = {"a", "", "b c"};
    struct span rest = SPAN_LIT(" a ,, b c ,"), part;
    for (size_t i = 0; i < COUNT(EXPECTED); i++) {
        assert_true(span_cut(&rest, ',', &part));
        assert_true(span_eq(part, span_of(EXPECTED[i])));
    }
    assert_false(span_cut(&rest, ',', &part));
    rest = span_of(NULL);
    assert_false(span_cut(&rest, ',', &part));
}

static void test_copy(void **state)
{
    (void)state;
    char buf[4];
    assert_true(span_copy(SPAN_LIT("abc"), buf, sizeof(buf)));
    assert_string_equal(buf, "abc");
    assert_false(span_copy(SPAN_LIT("abcd"), buf, sizeof(buf)));
    assert_false(span_copy(SPAN_LIT("a\0b"), buf, sizeof(buf)));
    assert_true(span_copy(span_of(NULL), buf, sizeof(buf)));
    assert_string_equal(buf, "");
    assert_false(span_copy(SPAN_LIT(""), buf, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_texts), cmocka_unit_test(test_compare),
        cmocka_unit_test(test_trim),      cmocka_unit_test(test_cut),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
