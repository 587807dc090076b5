#include <unistd.h>
#include <uv.h>

#include "cmocka_all.h"
#include "gather.h"

enum { PAUSE_US = 1000, TURNS = 100 };

/* Milliseconds that so many turns take, each with so many new messages. */
static uint64_t turns_ms(struct gather *g, uint64_t *received, uint64_t each, uint64_t pause_us)
{
    uint64_t begun = uv_hrtime();
    for (int i = 0; i < TURNS; i++)
        gather_wait(g, *received += each, pause_us, -1);
    return (uv_hrtime() - begun) / 1000000;
}

/* Until the load, or its end, has been seen. */
static void wait_loaded(struct gather *g, uint64_t *received, bool loaded)
{
    while (g->loaded != loaded)
        gather_wait(g, *received += loaded, PAUSE_US, -1);
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

/* A descriptor that can be read ends the turn, not the pause. */
static void test_urgent_does_not_wait(void **state)
{
    struct gather g = {0};
    uint64_t received = 0;
    int fds[2];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    wait_loaded(&g, &received, true);
    gather_wait(&g, ++received, PAUSE_US, fds[0]);
    assert_false(g.pausing); /* nothing to read: the pause passed */
    assert_int_equal(write(fds[1], "x", 1), 1);
    uint64_t turned = g.turned_ns;
    gather_wait(&g, ++received, 10 * PAUSE_US, fds[0]);
    assert_true(g.pausing);
    assert_true(g.turned_ns == turned);
    gather_wait(&g, received, PAUSE_US, -1);
    assert_false(g.pausing);
    g.behind = true;
    uint64_t begun = uv_hrtime();
    gather_wait(&g, ++received, 100 * PAUSE_US, fds[0]);
    assert_false(g.pausing); /* more is there already: not even a look at the descriptor */
    assert_in_range(uv_hrtime() - begun, 0, 50ull * PAUSE_US * 1000);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_pause_without_load),
        cmocka_unit_test(test_turns_are_apart_under_load),
        cmocka_unit_test(test_pauses_end_with_the_load),
        cmocka_unit_test(test_urgent_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
