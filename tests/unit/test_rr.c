#include "fixture_sip.h"
#include "rr.h"

static const struct rr CALL = {
    .account = "1000001", .call = "00112233445566778899", .caller = 0x1234abcd};

/* Of a secret; good until the next but one. */
static const struct mac_key *key(const char *secret)
{
    static struct mac_key keys[2];
    static int next;

    next = !next;
    keys[next] = mac_key_of(span_of(secret));
    return &keys[next];
}

static void test_text_and_back(void **state)
{
    char buf[RR_TEXT];
    struct rr r;

    (void)state;
    rr_text(&CALL, key("secret"), buf);
    assert_memory_equal(buf, ";tl=1000001.00112233445566778899.1234abcd.", 42);
    assert_int_equal(strlen(buf), 42 + RR_MAC);
    assert_int_equal(rr_read(span_of(buf), key("secret"), &r), ERR_OK);
    assert_string_equal(r.account, CALL.account);
    assert_string_equal(r.call, CALL.call);
    assert_int_equal(r.caller, CALL.caller);
    assert_string_equal(r.gateway, "");
    assert_true(rr_in_head(span_of(buf)));
}

static void test_longest_names_fit(void **state)
{
    struct rr longest = {.caller = UINT32_MAX}, r;
    char buf[RR_TEXT];

    (void)state;
    memset(longest.account, '9', RR_ACCOUNT - 1);
    memset(longest.call, 'f', RR_CALL - 1);
    memset(longest.gateway, '.', RR_GATEWAY - 1); /* a dot is a letter like any other there */
    assert_int_equal(rr_read(span_of(rr_text(&longest, key("s"), buf)), key("s"), &r), ERR_OK);
    assert_string_equal(r.account, longest.account);
    assert_string_equal(r.call, longest.call);
    assert_string_equal(r.gateway, longest.gateway);
}

static void test_among_other_parameters(void **state)
{
    char buf[RR_TEXT], params[2 * RR_TEXT];
    struct rr r;

    (void)state;
    snprintf(params, sizeof(params), ";lr%s;ob", rr_text(&CALL, key("secret"), buf));
    assert_int_equal(rr_read(span_of(params), key("secret"), &r), ERR_OK);
    assert_int_equal(rr_read(SPAN_LIT(";lr;tll=1;xtl=2"), key("secret"), &r), ERR_NOT_FOUND);
    assert_int_equal(rr_read(SPAN_LIT(""), key("secret"), &r), ERR_NOT_FOUND);
    assert_false(rr_in_head(SPAN_LIT("Route: <sip:192.0.2.1;lr;tll=1>")));
}

/* Each byte counts: none can be changed, left out or put in. */
static void test_nothing_can_be_forged(void **state)
{
    char good[RR_TEXT], bad[RR_TEXT + 1];
    struct rr r;

    (void)state;
    rr_text(&CALL, key("secret"), good);
    assert_int_equal(rr_read(span_of(good), key("Secret"), &r), ERR_INVALID);
    assert_int_equal(rr_read(span_of(good), key(""), &r), ERR_INVALID);
    for (size_t i = 4; i < strlen(good); i++) {
        snprintf(bad, sizeof(bad), "%s", good);
        bad[i] = good[i] == '0' ? '1' : '0';
        assert_int_equal(rr_read(span_of(bad), key("secret"), &r), ERR_INVALID);
        snprintf(bad, sizeof(bad), "%.*s%s", (int)i, good, good + i + 1);
        assert_int_equal(rr_read(span_of(bad), key("secret"), &r), ERR_INVALID);
        snprintf(bad, sizeof(bad), "%.*s0%s", (int)i, good, good + i);
        assert_int_equal(rr_read(span_of(bad), key("secret"), &r), ERR_INVALID);
        snprintf(bad, sizeof(bad), "%.*s", (int)i, good);
        assert_int_equal(rr_read(span_of(bad), key("secret"), &r), ERR_INVALID);
    }
}

static void test_malformed(void **state)
{
    static const char *const texts[] = {
        ";tl",
        ";tl=",
        ";tl=...",
        ";tl=1.2.3.4",
        ";tl=1000001.00112233445566778899.1234abcd",
        ";tl=1000001.00112233445566778899.1234abcd.",
        ";tl=1000001.00112233445566778899.1234abcd.0011223344556677.x",
        ";tl=100000000000000000000000000000000.1.1234abcd.0011223344556677",
        ";tl=1.2.xxxxxxxx.0011223344556677",
    };
    struct rr r;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (rr_read(span_of(texts[i]), key("secret"), &r) != ERR_INVALID)
            fail_msg("%s", texts[i]);
    }
}

static void test_tags_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(rr_tag_hash(SPAN_LIT("abc")), rr_tag_hash(SPAN_LIT("abc")));
    assert_int_not_equal(rr_tag_hash(SPAN_LIT("abc")), rr_tag_hash(SPAN_LIT("ABC")));
    assert_int_not_equal(rr_tag_hash(SPAN_LIT("")), rr_tag_hash(SPAN_LIT("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_back),
        cmocka_unit_test(test_longest_names_fit),
        cmocka_unit_test(test_among_other_parameters),
        cmocka_unit_test(test_nothing_can_be_forged),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_tags_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
