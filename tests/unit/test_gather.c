#include <uv.h>

#include "cmocka_all.h"
#include "gather.h"

enum { PAUSE_US = 1000, TURNS = 100 };

/* Milliseconds that so many turns take, each with so many new messages. */
static uint64_t turns_ms(struct gather *g, uint64_t *received, uint64_t each, uint64_t pause_us)
{
    uint64_t begun = uv_hrtime();
    for (int i = 0; i < TURNS; i++)
        gather_wait(g, *received += each, pause_us);
    return (uv_hrtime() - begun) / 1000000;
}

/* Until the load, or its end, has been seen. */
static void wait_loaded(struct gather *g, uint64_t *received, bool loaded)
{
    while (g->loaded != loaded)
        gather_wait(g, *received += loaded, PAUSE_US);
}

static void test_no_pause_without_load(void **state)
{
    struct gather g = {0};
    uint64_t received = 0;
    (void)state;
    assert_in_range(turns_ms(&g, &received, 0, PAUSE_US), 0, TURNS / 2);
    assert_false(g.loaded);
}

static void test_turns_are_apart_under_load(void **state)
{
    struct gather g = {0};
    uint64_t received = 0;
    (void)state;
    wait_loaded(&g, &received, true);
    assert_true(turns_ms(&g, &received, 10, PAUSE_US) >= TURNS - 2);
    assert_true(g.loaded);
    assert_in_range(turns_ms(&g, &received, 10, 0), 0, TURNS / 2); /* switched off */
}

static void test_pauses_end_with_the_load(void **state)
{
    struct gather g = {0};
    uint64_t received = 0;
    (void)state;
    wait_loaded(&g, &received, true);
    wait_loaded(&g, &received, false);
    assert_in_range(turns_ms(&g, &received, 0, PAUSE_US), 0, TURNS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_pause_without_load),
        cmocka_unit_test(test_turns_are_apart_under_load),
        cmocka_unit_test(test_pauses_end_with_the_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
