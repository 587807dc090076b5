#include <stdlib.h>
#include <uv.h>

#include "cmocka_all.h"

#include "timer.h"

enum { MANY = 2000 };

struct alarm {
    struct timer timer;
    uint64_t asked, fired; /* loop's clock; fired 0: not yet */
    unsigned times;
};

struct world {
    uv_loop_t loop;
    struct timer_wheel *wheel;
    struct alarm alarms[MANY];
};

static struct world *world;

static int set_up(void **state)
{
    (void)state;
    world = calloc(1, sizeof(*world));
    if (!world || uv_loop_init(&world->loop) != 0)
        return -1;
    return timer_wheel_new(&world->wheel, &world->loop);
}

static int tear_down(void **state)
{
    (void)state;
    timer_wheel_free(world->wheel);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    int busy = uv_loop_close(&world->loop);
    free(world);
    return busy;
}

static void on_alarm(struct timer *t)
{
    struct alarm *a = timer_owner(t, struct alarm, timer);
    assert_false(timer_is_set(t));
    a->fired = timer_now(world->wheel);
    a->times++;
}

static void set(struct alarm *a, uint64_t after_ms, timer_fn *fn)
{
    a->asked = timer_now(world->wheel) + after_ms;
    timer_set(world->wheel, &a->timer, after_ms, fn);
}

/* The loop ends by itself: a wheel without timers keeps no handle active. */
static void run(void)
{
    uv_run(&world->loop, UV_RUN_DEFAULT);
}

static void test_never_early_and_soon(void **state)
{
    (void)state;
    uv_update_time(&world->loop);
    for (size_t i = 0; i < MANY; i++)
        set(&world->alarms[i], i % 150, on_alarm);
    run();
    for (size_t i = 0; i < MANY; i++) {
        const struct alarm *a = &world->alarms[i];
        assert_int_equal(a->times, 1);
        assert_true(a->fired >= a->asked);
        assert_true(a->fired < a->asked + 500);
    }
}

static void test_moved_and_stopped(void **state)
{
    struct alarm *a = world->alarms;

    (void)state;
    uv_update_time(&world->loop);
    set(&a[0], 20, on_alarm);
    set(&a[0], 60, on_alarm);
    set(&a[1], 20, on_alarm);
    assert_true(timer_is_set(&a[1].timer));
    timer_stop(world->wheel, &a[1].timer);
    timer_stop(world->wheel, &a[1].timer);
    assert_false(timer_is_set(&a[1].timer));
    run();
    assert_int_equal(a[0].times, 1);
    assert_true(a[0].fired >= a[0].asked);
    assert_int_equal(a[1].times, 0);
}

static void on_again(struct timer *t)
{
    on_alarm(t);
    if (timer_owner(t, struct alarm, timer)->times < 3)
        set(timer_owner(t, struct alarm, timer), 15, on_again);
}

static void test_set_again_while_firing(void **state)
{
    (void)state;
    uv_update_time(&world->loop);
    set(&world->alarms[0], 0, on_again);
    run();
    assert_int_equal(world->alarms[0].times, 3);
    assert_true(world->alarms[0].fired >= world->alarms[0].asked);
}

/* The first of several that are due at once stops the others. */
static void on_stop_others(struct timer *t)
{
    on_alarm(t);
    for (size_t i = 0; i < 10; i++)
        timer_stop(world->wheel, &world->alarms[i].timer);
}

static void test_stopped_by_one_that_is_due_as_well(void **state)
{
    unsigned fired = 0;

    (void)state;
    uv_update_time(&world->loop);
    for (size_t i = 0; i < 10; i++)
        set(&world->alarms[i], 10, on_stop_others);
    run();
    for (size_t i = 0; i < 10; i++)
        fired += world->alarms[i].times;
    assert_int_equal(fired, 1);
}

static void on_late(uv_timer_t *t)
{
    struct timespec pause = {0, 120 * 1000000};

    uv_close((uv_handle_t *)t, NULL);
    nanosleep(&pause, NULL); /* the loop is busy elsewhere */
}

/* Turns that were missed are made up for. */
static void test_after_a_pause(void **state)
{
    uv_timer_t late;

    (void)state;
    uv_timer_init(&world->loop, &late);
    uv_timer_start(&late, on_late, 5, 0);
    for (size_t i = 0; i < 100; i++)
        set(&world->alarms[i], i, on_alarm);
    run();
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(world->alarms[i].times, 1);
}

/* Longer than one turn of the wheel (40.96 s): still set after a while, and not fired. */
static void test_far_ones_wait(void **state)
{
    (void)state;
    uv_update_time(&world->loop);
    set(&world->alarms[0], 40960 + 20, on_alarm);
    set(&world->alarms[1], 60, on_alarm);
    while (!world->alarms[1].times)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->alarms[0].times, 0);
    assert_true(timer_is_set(&world->alarms[0].timer));
    timer_stop(world->wheel, &world->alarms[0].timer);
    run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_never_early_and_soon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_moved_and_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_set_again_while_firing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopped_by_one_that_is_due_as_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_after_a_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_far_ones_wait, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
