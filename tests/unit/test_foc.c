#include <stdio.h>

#include "clock.h"
#include "cmocka_all.h"
#include "foc.h"
#include "span.h"

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_int_equal(clock_parse(span_of(text), &ms), 0);
    return ms;
}

/* Noon UTC lies in the same day of Eastern time. */
static int64_t day(const char *date)
{
    return foc_day(at(date) + (int64_t)12 * 3600000);
}

/* Dates as the Office of Personnel Management lists them, and the days around. */
static const struct {
    const char *date;
    bool open;
} DAYS[] = {
    {"2026-11-23", true },
    {"2026-11-21", false}, /* Saturday */
    {"2026-11-22", false}, /* Sunday */
    {"2026-01-01", false}, /* New Year's Day, a Thursday */
    {"2021-12-31", false}, /* New Year's Day 2022 is a Saturday */
    {"2021-12-30", true },
    {"2022-01-03", true },
    {"2023-01-02", false}, /* New Year's Day 2023 is a
  Sunday */
    {"2023-01-03", true },
    {"2024-01-15", false}, /* Martin Luther King, Jr. */
    {"2024-01-22", true },
    {"2024-02-19", false}, /* Washington's Birthday */
    {"2027-02-15", false},
    {"2023-05-29", false}, /* Memorial Day, the last Monday */
    {"2023-05-22", true },
    {"2027-05-31", false},
    {"2020-06-19", true }, /* Juneteenth is a holiday
  since 2021 */
    {"2021-06-18", false}, /* on a Saturday */
    {"2022-06-20", false}, /* on a Sunday */
    {"2023-06-19", false},
    {"2020-07-03", false}, /* Independence Day on a Saturday */
    {"2021-07-05", false}, /* on a Sunday */
    {"2021-07-02", true },
    {"2026-07-03", false},
    {"2026-09-07", false}, /* Labor Day */
    {"2025-09-01", false},
    {"2026-10-12", false}, /* Columbus Day */
    {"2028-10-09", false},
    {"2023-11-10", false}, /* Veterans Day on a Saturday */
    {"2029-11-12", false}, /* on a Sunday */
    {"2026-11-26", false}, /* Thanksgiving, the fourth Thursday */
    {"2026-11-27", true },
    {"2024-11-28", false},
    {"2029-11-22", false},
    {"2029-11-29", true },
    {"2021-12-24", false}, /* Christmas on a Saturday */
    {"2022-12-26", false}, /* on a Sunday */
    {"2024-12-25", false},
    {"2024-02-29", true }, /* leap years */
    {"2000-02-29", true },
    {"2100-03-01", true },
    {"1985-01-21", true }, /* before the holiday was
  made */
};

static void test_business_days(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(DAYS) / sizeof(*DAYS); i++) {
        if (foc_business_day(day(DAYS[i].date), "") != DAYS[i].open)
            fail_msg("%s: expected %d", DAYS[i].date, DAYS[i].open);
    }
}

static void test_listed_days_are_closed(void **state)
{
    (void)state;
    const char *list = "2026-11-27, 2026-12-24";
    assert_false(foc_business_day(day("2026-11-27"), list));
    assert_false(foc_business_day(day("2026-12-24"), list));
    assert_true(foc_business_day(day("2026-12-23"), list));
}

/* Federal holidays a year: eleven, each on one working day, whatever the weekdays are. */
static void test_every_year_has_eleven(void **state)
{
    (void)state;
    for (int64_t year = 2022; year < 2422; year++) {
        char text[32];
        snprintf(text, sizeof(text), "%04lld-01-02", (long long)year);
        int closed = 0;
        int64_t first = day(text);
        for (int64_t d = first; d < first + 364; d++) {
            int64_t weekday = ((d + 4) % 7 + 7) % 7;
            closed += weekday != 0 && weekday != 6 && !foc_business_day(d, "");
        }
        if (closed < 10 || closed > 12) /* New Year's Day at the edges moves between years */
            fail_msg("%lld: %d holidays", (long long)year, closed);
    }
}

/* The Eastern day of moments around midnight and around changes of the clocks. */
static const struct {
    const char *utc, *day;
} MOMENTS[] = {
    {"2026-01-15 04:59:59", "2026-01-14"}, /* UTC-5 */
    {"2026-01-15 05:00:00", "2026-01-15"},
    {"2026-07-15 03:59:59", "2026-07-14"}, /* UTC-4 */
    {"2026-07-15 04:00:00", "2026-07-15"},
    {"2026-03-08 04:59:59", "2026-03-07"}, /* clocks go forward on the 8th at 7:00 UTC */
    {"2026-03-08 05:00:00", "2026-03-08"},
    {"2026-03-09 03:59:59", "2026-03-08"},
    {"2026-03-09 04:00:00", "2026-03-09"},
    {"2026-11-01 03:59:59", "2026-10-31"}, /* back on the 1st at 6:00 UTC */
    {"2026-11-01 04:00:00", "2026-11-01"},
    {"2026-11-02 04:59:59", "2026-11-01"},
    {"2026-11-02 05:00:00", "2026-11-02"},
    {"2027-03-14 06:59:59", "2027-03-14"},
    {"2024-02-29 04:59:59", "2024-02-28"},
    {"2024-03-01 04:59:59", "2024-02-29"},
    {"2026-01-01 04:59:59", "2025-12-31"},
};

static void test_days_are_eastern(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(MOMENTS) / sizeof(*MOMENTS); i++)
        assert_int_equal(foc_day(at(MOMENTS[i].utc)), day(MOMENTS[i].day));
}

static void test_opening_hour(void **state)
{
    (void)state;
    assert_int_equal(foc_day_ms(day("2026-01-15")), at("2026-01-15 16:30:00"));
    assert_int_equal(foc_day_ms(day("2026-07-15")), at("2026-07-15 15:30:00"));
    assert_int_equal(foc_day_ms(day("2026-03-08")), at("2026-03-08 15:30:00"));
    assert_int_equal(foc_day_ms(day("2026-03-06")), at("2026-03-06 16:30:00"));
    assert_int_equal(foc_day_ms(day("2026-11-01")), at("2026-11-01 16:30:00"));
    assert_int_equal(foc_day_ms(day("2026-10-31")), at("2026-10-31 15:30:00"));
}

static const struct {
    const char *now, *earliest;
    int64_t minimum;
} FIRST[] = {
    {"2026-11-02 15:00:00", "2026-11-06 16:30:00", 4}, /* Monday to Friday */
    {"2026-11-23 15:00:00", "2026-11-30 16:30:00", 4}, /* over Thanksgiving and a weekend */
    {"2026-11-24 04:59:00", "2026-11-30 16:30:00", 4}, /* still Monday in the East */
    {"2026-11-24 05:00:00", "2026-12-01 16:30:00", 4},
    {"2026-11-21 15:00:00", "2026-11-27 16:30:00", 4}, /* a Saturday */
    {"2026-12-24 15:00:00", "2026-12-31 16:30:00", 4}, /* over Christmas */
    {"2026-10-30 15:00:00", "2026-11-05 16:30:00", 4}, /* over a change of the clocks */
    {"2026-06-18 15:00:00", "2026-06-25 15:30:00", 4}, /* over Juneteenth */
    {"2026-11-23 15:00:00", "2026-11-23 16:30:00", 0},
    {"2026-11-21 15:00:00", "2026-11-23 16:30:00", 0},
    {"2026-11-23 15:00:00", "2026-11-24 16:30:00", 1},
};

static void test_earliest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(FIRST) / sizeof(*FIRST); i++) {
        struct foc_rules rules = {FIRST[i].minimum, 30, ""};
        if (foc_earliest(&rules, at(FIRST[i].now)) != at(FIRST[i].earliest))
            fail_msg("from %s not %s", FIRST[i].now, FIRST[i].earliest);
    }
}

static const struct {
    const char *wanted;
    enum foc_verdict verdict;
} WISHES[] = {
    {"2026-11-23 14:59:59", FOC_EARLY }, /* the past */
    {"2026-11-27 16:30:00", FOC_EARLY },
    {"2026-11-30 04:59:59", FOC_EARLY }, /* Sunday in the East */
    {"2026-11-30 05:00:00", FOC_FINE  },
    {"2026-12-05 16:30:00", FOC_CLOSED}, /* Saturday */
    {"2026-12-07 04:30:00", FOC_CLOSED}, /* Sunday in the East */
    {"2026-12-23 16:30:00", FOC_FINE  }, /* the thirtieth day */
    {"2026-12-24 04:59:59", FOC_FINE  },
    {"2026-12-24 05:00:00", FOC_LATE  },
    {"2026-12-25 16:30:00", FOC_LATE  },
};

static void test_wishes(void **state)
{
    (void)state;
    struct foc_rules rules = {4, 30, ""};
    for (size_t i = 0; i < sizeof(WISHES) / sizeof(*WISHES); i++) {
        if (foc_judge(&rules, at("2026-11-23 15:00:00"), at(WISHES[i].wanted)) != WISHES[i].verdict)
            fail_msg("%s: expected %d", WISHES[i].wanted, WISHES[i].verdict);
    }
    rules.holidays = "2026-12-01";
    assert_int_equal(foc_judge(&rules, at("2026-11-23 15:00:00"), at("2026-12-01 16:30:00")),
                     FOC_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_business_days),
        cmocka_unit_test(test_listed_days_are_closed),
        cmocka_unit_test(test_every_year_has_eleven),
        cmocka_unit_test(test_days_are_eastern),
        cmocka_unit_test(test_opening_hour),
        cmocka_unit_test(test_earliest),
        cmocka_unit_test(test_wishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
