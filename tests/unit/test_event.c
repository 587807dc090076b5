/* Lines of the spool: what is written is read again, and nothing that is torn or damaged. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "event.h"

#define MACHINE "3f0c9a52-1111-2222-3333-444455556666"

static const struct event sample = {
    .finish = true,
    .account = "1000001",
    .call = "0123456789abcdef0123",
    .target = "[2001:db8::1]:5060",
    .attempts = "192.0.2.1:5060=503 [2001:db8::1]:5060=200",
    .upstream = "",
    .reason = "answered",
    .by = "caller",
    .code = 200,
    .pdd_ms = 180,
    .happened = 123456789,
};

static struct span line_of(const struct event *e, char buf[EVENT_LINE])
{
    size_t n = event_write(e, MACHINE, buf);
    assert_true(n > 0 && n < EVENT_LINE);
    assert_int_equal(buf[n - 1], '\n');
    return (struct span){buf, n - 1};
}

static void test_round_trip(void **state)
{
    (void)state;
    char buf[EVENT_LINE];
    struct event got, answer = sample;
    assert_int_equal(event_read(line_of(&sample, buf), MACHINE, &got), ERR_OK);
    assert_memory_equal(&got, &sample, sizeof(got));
    answer.finish = false;
    answer.code = 183;
    memset(answer.attempts, 'x', sizeof(answer.attempts) - 1);
    memset(answer.target, 'y', sizeof(answer.target) - 1);
    memset(answer.upstream, 'z', sizeof(answer.upstream) - 1);
    assert_int_equal(event_read(line_of(&answer, buf), MACHINE, &got), ERR_OK);
    assert_memory_equal(&got, &answer, sizeof(got));
}

static void test_damage_is_seen(void **state)
{
    (void)state;
    char buf[EVENT_LINE], copy[EVENT_LINE];
    struct event got;
    struct span line = line_of(&sample, buf);
    for (size_t n = 0; n < line.n; n++)
        assert_int_equal(event_read((struct span){buf, n}, MACHINE, &got), ERR_INVALID);
    for (size_t i = 0; i < line.n; i++) {
        memcpy(copy, buf, line.n);
        copy[i] ^= 1;
        assert_int_equal(event_read((struct span){copy, line.n}, MACHINE, &got), ERR_INVALID);
    }
}

static void test_control_characters_end_no_field(void **state)
{
    (void)state;
    char buf[EVENT_LINE];
    struct event got, e = sample;
    snprintf(e.target, sizeof(e.target), "a\tb\nc\r");
    assert_int_equal(event_read(line_of(&e, buf), MACHINE, &got), ERR_OK);
    assert_string_equal(got.target, "a?b?c?");
}

/* The machine was started anew: the clock that was counted by is gone, the wall clock tells. */
static void test_another_start_of_the_machine(void **state)
{
    (void)state;
    char buf[EVENT_LINE];
    struct event got, e = sample;
    e.happened = clock_boot_ms() - 5000;
    struct span line = line_of(&e, buf);
    assert_int_equal(event_read(line, "another", &got), ERR_OK);
    assert_true(got.estimated);
    assert_in_range(clock_boot_ms() - got.happened, 4900, 6000);
    assert_int_equal(event_read(line, MACHINE, &got), ERR_OK);
    assert_false(got.estimated);
}

static void test_machine_has_a_name(void **state)
{
    (void)state;
    char one[EVENT_MACHINE], two[EVENT_MACHINE];
    event_machine(one);
    event_machine(two);
    assert_string_equal(one, two);
    assert_int_equal(strlen(one), 36);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage_is_seen),
        cmocka_unit_test(test_control_characters_end_no_field),
        cmocka_unit_test(test_another_start_of_the_machine),
        cmocka_unit_test(test_machine_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
