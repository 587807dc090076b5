#include "fixture_sip.h"
#include "rr.h"

static const struct rr CALL = {
    .bookings = {{"1000001", "00112233445566778899"}}, .n_bookings = 1, .caller = 0x1234abcd};

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
    assert_int_equal(r.n_bookings, 1);
    assert_string_equal(r.bookings[0].account, CALL.bookings[0].account);
    assert_string_equal(r.bookings[0].call, CALL.bookings[0].call);
    assert_int_equal(r.caller, CALL.caller);
    assert_string_equal(r.gateway, "");
    assert_true(rr_in_head(span_of(buf)));
}

static void test_bookings_of_an_onnet_call(void **state)
{
    struct rr onnet =
                  {
                      .bookings = {{"1000001", "00112233445566778899"}, {.account = "x_2"}},
                      .n_bookings = 2,
                      .gateway = "gw.1"
    },
              r;
    char buf[RR_TEXT];

    (void)state;
    rr_text(&onnet, key("secret"), buf);
    assert_memory_equal(buf, ";tl=1000001~x_2.00112233445566778899.00000000.gw.1.", 51);
    assert_int_equal(rr_read(span_of(buf), key("secret"), &r), ERR_OK);
    assert_int_equal(r.n_bookings, 2);
    assert_string_equal(r.bookings[1].account, "x_2");
    assert_string_equal(r.bookings[0].call, "00112233445566778899");
    assert_string_equal(r.bookings[1].call, "00112233445566778899-1");
    assert_string_equal(r.gateway, "gw.1");
    for (size_t i = 0; i < 2; i++)
        assert_true(span_eq(rr_first_id(span_of(r.bookings[i].call)), span_of(r.bookings[0].call)));
}

static void test_longest_names_fit(void **state)
{
    struct rr longest = {.n_bookings = RR_BOOKINGS, .caller = UINT32_MAX}, r;
    char buf[RR_TEXT];

    (void)state;
    for (size_t i = 0; i < RR_BOOKINGS; i++)
        memset(longest.bookings[i].account, '9', RR_ACCOUNT - 1);
    memset(longest.bookings[0].call, 'f', RR_CALL_ID);
    memset(longest.gateway, '.', RR_GATEWAY - 1); /* a dot is a letter like any other there */
    assert_int_equal(rr_read(span_of(rr_text(&longest, key("s"), buf)), key("s"), &r), ERR_OK);
    assert_int_equal(r.n_bookings, RR_BOOKINGS);
    assert_string_equal(r.bookings[RR_BOOKINGS - 1].account, longest.bookings[0].account);
    assert_string_equal(r.bookings[0].call, longest.bookings[0].call);
    assert_int_equal(strlen(r.bookings[RR_BOOKINGS - 1].call), RR_CALL - 1);
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
        cmocka_unit_test(test_bookings_of_an_onnet_call),
        cmocka_unit_test(test_longest_names_fit),
        cmocka_unit_test(test_among_other_parameters),
        cmocka_unit_test(test_nothing_can_be_forged),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_tags_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
