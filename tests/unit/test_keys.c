#include "cmocka_all.h"
#include "keys.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(key_account("1001").text, "{a:1001}");
    assert_string_equal(key_inventory("WA").text, "inv:{WA}");
    assert_string_equal(key_did("2065550100").text, "did:2065550100");
    assert_string_equal(key_port("2065550100").text, "port:2065550100");
    assert_string_equal(key_source("192.0.2.1").text, "ip:192.0.2.1");
    assert_string_equal(key_gateway("west").text, "gw:{west}");
    assert_string_equal(key_deck("main").text, "lcr:{main}");
    assert_string_equal(key_sequence("order").text, "seq:order");
    assert_string_equal(key_node("a:5060").text, "node:a:5060");
    assert_string_equal(key_job("reap").text, "job:reap");
}

static void test_too_long_is_empty_not_cut(void **state)
{
    (void)state;
    char name[KEY_MAX + 1];
    memset(name, 'x', sizeof(name));
    name[KEY_MAX - 5] = '\0'; /* with "did:" and NUL it just fits */
    assert_int_equal(strlen(key_did(name).text), KEY_MAX - 1);
    name[KEY_MAX - 5] = 'x';
    name[KEY_MAX - 4] = '\0';
    assert_string_equal(key_did(name).text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_too_long_is_empty_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
