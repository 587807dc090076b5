/* Token buckets of sources, and when new calls are refused. */
#include <stdio.h>

#include "cmocka_all.h"
#include "guard.h"

static struct conf settings;

static struct guard *guard(void)
{
    struct guard *g;
    conf_defaults(&settings);
    settings.sip.source_rate = 10;
    settings.sip.source_invite_rate = 2;
    assert_int_equal(guard_new(&g, &settings), 0);
    return g;
}

static struct addr address(const char *text, uint16_t port)
{
    struct addr a;
    assert_int_equal(addr_parse(span_of(text), port, &a), 0);
    return a;
}

static int taken(struct guard *g, enum guard_kind kind, const struct addr *a, uint64_t now,
                 int tries)
{
    int n = 0;
    while (tries-- > 0)
        n += guard_take(g, kind, a, now);
    return n;
}

static void test_a_burst_of_one_second_then_the_rate(void **state)
{
    struct guard *g = guard();
    struct addr a = address("192.0.2.1", 5060), same = address("192.0.2.1", 9999);
    (void)state;
    assert_int_equal(taken(g, GUARD_MESSAGE, &a, 1000, 50), 10);
    assert_int_equal(taken(g, GUARD_MESSAGE, &same, 1000, 5), 0);
    assert_int_equal(taken(g, GUARD_MESSAGE, &a, 1099, 5), 0);
    assert_int_equal(taken(g, GUARD_MESSAGE, &a, 1100, 5), 1);
    assert_int_equal(taken(g, GUARD_MESSAGE, &a, 1600, 50), 5);
    assert_int_equal(taken(g, GUARD_MESSAGE, &a, 99000, 50), 10);
    guard_free(g);
}

static void test_kinds_and_sources_are_apart(void **state)
{
    struct guard *g = guard();
    struct addr a = address("192.0.2.1", 1), b = address("2001:db8::1", 1);
    (void)state;
    assert_int_equal(taken(g, GUARD_MESSAGE, &a, 5, 50), 10);
    assert_int_equal(taken(g, GUARD_INVITE, &a, 5, 50), 2);
    assert_int_equal(taken(g, GUARD_INVITE, &b, 5, 50), 2);
    assert_int_equal(taken(g, GUARD_MESSAGE, &b, 5, 50), 10);
    guard_free(g);
}

static void test_a_changed_rate_counts_at_once(void **state)
{
    struct guard *g = guard();
    struct addr a = address("192.0.2.1", 1);
    (void)state;
    assert_int_equal(taken(g, GUARD_INVITE, &a, 5, 50), 2);
    settings.sip.source_invite_rate = 20;
    assert_int_equal(taken(g, GUARD_INVITE, &a, 1005, 50), 20);
    settings.sip.source_invite_rate = 1;
    assert_int_equal(taken(g, GUARD_INVITE, &a, 9005, 50), 1);
    guard_free(g);
}

static void test_time_that_stands_still_or_goes_back_gives_nothing(void **state)
{
    struct guard *g = guard();
    struct addr a = address("192.0.2.1", 1);
    (void)state;
    assert_int_equal(taken(g, GUARD_INVITE, &a, 5000, 50), 2);
    assert_int_equal(taken(g, GUARD_INVITE, &a, 4000, 50), 0);
    guard_free(g);
}

static void test_a_hundred_thousand_sources_do_no_harm(void **state)
{
    struct guard *g = guard();
    struct addr a;
    char text[32];
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        a = address(text, 5060);
        assert_true(guard_take(g, GUARD_MESSAGE, &a, 1000 + i / 100));
    }
    assert_int_equal(taken(g, GUARD_MESSAGE, &a, 2000, 50), 9);
    guard_free(g);
}

static void test_overload_has_three_causes(void **state)
{
    struct guard *g = guard();
    struct guard_load load = {0};
    (void)state;
    assert_null(guard_overload(g, &load));
    load.transactions = (size_t)settings.sip.transactions_max;
    assert_string_equal(guard_overload(g, &load), "too many calls in setup");
    load = (struct guard_load){.admissions = (size_t)settings.sip.admissions_max};
    assert_string_equal(guard_overload(g, &load), "the store is slow");
    load = (struct guard_load){.lag_ms = (uint64_t)settings.sip.lag_ms};
    assert_string_equal(guard_overload(g, &load), "too busy");
    load.lag_ms--;
    assert_null(guard_overload(g, &load));
    guard_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_of_one_second_then_the_rate),
        cmocka_unit_test(test_kinds_and_sources_are_apart),
        cmocka_unit_test(test_a_changed_rate_counts_at_once),
        cmocka_unit_test(test_time_that_stands_still_or_goes_back_gives_nothing),
        cmocka_unit_test(test_a_hundred_thousand_sources_do_no_harm),
        cmocka_unit_test(test_overload_has_three_causes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
