#include "cmocka_all.h"
#include "secret.h"

static void test_random(void **state)
{
    (void)state;
    char a[33], b[33], none[1] = "x";
    assert_int_equal(secret_random_hex(16, a), ERR_OK);
    assert_int_equal(secret_random_hex(16, b), ERR_OK);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
    assert_int_equal(secret_random_hex(0, none), ERR_OK);
    assert_string_equal(none, "");
}

static void test_sha256(void **state)
{
    (void)state; /* FIPS 180-4 examples */
    char hex[SECRET_SHA256_HEX];
    secret_sha256_hex(SPAN_LIT("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    secret_sha256_hex(span_of(NULL), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_hmac(void **state)
{
    (void)state; /* RFC 4231 test case 2 */
    char hex[65];
    secret_hmac_hex(SPAN_LIT("Jefe"), SPAN_LIT("what do ya want for nothing?"), 32, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    secret_hmac_hex(SPAN_LIT("Jefe"), SPAN_LIT("what do ya want for nothing?"), 8, hex);
    assert_string_equal(hex, "5bdcc146bf60754e");
    secret_hmac_hex(span_of(NULL), span_of(NULL), 4, hex);
    assert_string_equal(hex, "b613679a");
}

static void test_eq(void **state)
{
    (void)state;
    assert_true(secret_eq(SPAN_LIT("same"), SPAN_LIT("same")));
    assert_false(secret_eq(SPAN_LIT("same"), SPAN_LIT("sane")));
    assert_false(secret_eq(SPAN_LIT("same"), SPAN_LIT("sam")));
    assert_true(secret_eq(span_of(NULL), SPAN_LIT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_eq),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
