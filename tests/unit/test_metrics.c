/* The registry of metrics, and its text. */
#include "metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

enum { PLAIN, LABELLED, TIMES, SIGNED };

static const struct metric_family FAMILIES[] = {
    {"t_plain_total", METRIC_COUNTER, 1, {0}, 1, {0}, "Plain."},
    {"t_kinds_total",              METRIC_COUNTER, 1, {"a", "b"}, 3, {0}, "Labelled."},
    {"t_seconds",              METRIC_HISTOGRAM, 1000, {"of"}, 4, {5, 1000}, "Times."},
    {"t_signed",       METRIC_GAUGE, 1000, {0}, 1, {0}, "Signed."},
    {0},
};

static int setup(void **state)
{
    return metrics_new((struct metrics **)state, FAMILIES);
}

static int teardown(void **state)
{
    metrics_free(*state);
    return 0;
}

static void assert_told(struct metrics *m, const char *line)
{
    char *text = metrics_render(m);
    assert_non_null(text);
    if (!strstr(text, line))
        fail_msg("no \"%s\" in:\n%s", line, text);
    free(text);
}

static void test_plain(void **state)
{
    struct metrics *m = *state;
    assert_told(m, "# HELP t_plain_total Plain.\n# TYPE t_plain_total counter\nt_plain_total 0\n");
    metric_add(metrics_get(m, PLAIN, NULL), 3);
    metric_add(metrics_get(m, PLAIN, NULL), 4);
    assert_told(m, "\nt_plain_total 7\n");
    assert_int_equal(metric_value(metrics_get(m, PLAIN, NULL)), 7);
    metric_set(metrics_get(m, SIGNED, NULL), -1050);
    assert_told(m, "\nt_signed -1.050\n");
    assert_told(m, "\nprocess_resident_memory_bytes ");
}

static void test_labels(void **state)
{
    struct metrics *m = *state;
    const char *const odd[] = {"\"\\\n", "x"}, *const two[] = {"1", "2"};
    metric_add(metrics_get(m, LABELLED, odd), 1);
    metric_add(metrics_get(m, LABELLED, odd), 1);
    metric_add(metrics_get(m, LABELLED, two), 5);
    assert_told(m,
                "t_kinds_total{a=\"\\\"\\\\\\n\",b=\"x\"} 2\nt_kinds_total{a=\"1\",b=\"2\"} 5\n");
}

static void test_too_many_are_counted_as_other(void **state)
{
    struct metrics *m = *state;
    char name[8];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "n%d", i);
        const char *const values[] = {name, "x"};
        metric_add(metrics_get(m, LABELLED, values), 1);
    }
    assert_told(m, "{a=\"n1\",b=\"x\"} 1\nt_kinds_total{a=\"other\",b=\"other\"} 8\n# HELP");
}

static void test_histogram(void **state)
{
    struct metrics *m = *state;
    const char *const values[] = {"x"};
    static const int64_t times[] = {0, 5, 6, 1000, 1001, 70000};
    for (size_t i = 0; i < 6; i++)
        metric_observe(metrics_get(m, TIMES, values), times[i]);
    assert_told(m,
                "# TYPE t_seconds histogram\nt_seconds_bucket{of=\"x\",le=\"0.005\"} 2\n"
                "t_seconds_bucket{of=\"x\",le=\"1\"} 4\nt_seconds_bucket{of=\"x\",le=\"+Inf\"} 6\n"
                "t_seconds_sum{of=\"x\"} 72.012\nt_seconds_count{of=\"x\"} 6\n");
}

static void test_sheets_are_replaced(void **state)
{
    struct metrics *m = *state;
    metrics_sheet(m, 0, strdup("first 1\n"));
    assert_told(m, "first 1\n");
    metrics_sheet(m, 0, strdup("second 1\n"));
    char *text = metrics_render(m);
    assert_null(strstr(text, "first"));
    assert_non_null(strstr(text, "second 1\n"));
    free(text);
}

static void *count(void *arg)
{
    char name[8];
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "%d", i % 2);
        const char *const values[] = {name, "x"};
        metric_add(metrics_get(arg, LABELLED, values), 1);
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, *state), 0);
    for (int i = 0; i < 100; i++)
        free(metrics_render(*state));
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_told(*state, "{a=\"1\",b=\"x\"} 40000\n");
    assert_told(*state, "{a=\"0\",b=\"x\"} 40000\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_are_counted_as_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sheets_are_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
