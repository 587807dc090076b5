#include "cmocka_all.h"
#include "limit.h"

enum { SECOND = 1000000, ROOM = 64 };

static const struct limit_rule RULE = {60, 3}; /* one a second, three at once */

static struct limit *make(void)
{
    struct limit *l;
    assert_int_equal(limit_open(&l, ROOM), ERR_OK);
    return l;
}

static void test_burst_then_rate(void **state)
{
    (void)state;
    struct limit *l = make();
    struct limit_state s;
    for (int left = 2; left >= 0; left--) {
        assert_true(limit_take(l, 7, &RULE, 10 * SECOND, &s));
        assert_true(s.limited);
        assert_int_equal(s.most, 3);
        assert_int_equal(s.left, left);
        assert_int_equal(s.full_s, 3 - left);
    }
    assert_false(limit_take(l, 7, &RULE, 10 * SECOND, &s));
    assert_int_equal(s.left, 0);
    assert_int_equal(s.retry_s, 1);
    assert_false(limit_take(l, 7, &RULE, 11 * SECOND - 1, &s));
    assert_true(limit_take(l, 7, &RULE, 11 * SECOND, &s));
    assert_false(limit_take(l, 7, &RULE, 11 * SECOND, &s));
    assert_true(limit_take(l, 7, &RULE, 1000 * SECOND, &s));
    assert_int_equal(s.left, 2);
    limit_close(l);
}

/* Whatever the times, no more than burst + rate × time pass. */
static void test_never_more(void **state)
{
    (void)state;
    struct limit *l = make();
    struct limit_state s;
    int64_t now = 5 * SECOND, began = now, passed = 0;
    unsigned step = 1;
    while (now < began + 1000 * SECOND) {
        passed += limit_take(l, 1, &RULE, now, &s);
        step = step * 1103515245U + 12345U;
        now += step % (SECOND / 2);
    }
    assert_true(passed <= 3 + 1000);
    assert_true(passed >= 990);
    limit_close(l);
}

static void test_each_has_its_own(void **state)
{
    (void)state;
    struct limit *l = make();
    struct limit_state s;
    for (uint64_t who = 1; who <= 5; who++) {
        for (int i = 0; i < 3; i++)
            assert_true(limit_take(l, who, &RULE, SECOND, &s));
    }
    for (uint64_t who = 1; who <= 5; who++)
        assert_false(limit_take(l, who, &RULE, SECOND, &s));
    limit_close(l);
}

/* Many others make it forget the one that has used least. */
static void test_memory_is_bounded(void **state)
{
    (void)state;
    struct limit *l = make();
    struct limit_state s;
    struct limit_rule hard = {1, 1};
    assert_true(limit_take(l, 1, &hard, SECOND, &s));
    for (uint64_t who = 2; who < 100000; who++)
        assert_true(limit_take(l, who, &RULE, SECOND, &s));
    assert_false(limit_take(l, 1, &hard, SECOND, &s));
    limit_close(l);
}

static void test_looking_takes_nothing(void **state)
{
    (void)state;
    struct limit *l = make();
    struct limit_state s;
    for (int i = 0; i < 10; i++) {
        assert_true(limit_look(l, 1, &RULE, SECOND, &s));
        assert_int_equal(s.left, 3);
    }
    for (int i = 0; i < 3; i++)
        assert_true(limit_take(l, 1, &RULE, SECOND, &s));
    assert_false(limit_look(l, 1, &RULE, SECOND, &s));
    limit_close(l);
}

static void test_no_limit(void **state)
{
    (void)state;
    struct limit *l = make();
    struct limit_state s;
    struct limit_rule none = {0, 1};
    for (int i = 0; i < 1000; i++)
        assert_true(limit_take(l, 1, &none, SECOND, &s));
    assert_false(s.limited);
    limit_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_rate),       cmocka_unit_test(test_never_more),
        cmocka_unit_test(test_each_has_its_own),      cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_looking_takes_nothing), cmocka_unit_test(test_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
