#include "foc.h"

#include <stddef.h>

#include "clock.h"
#include "span.h"

static const int64_t DAY_MS = 86400000, HOUR_MS = 3600000;
static const int64_t OPENING_MS = 41400000; /* 11:30 */

enum weekday { SUNDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY };

struct date {
    int64_t year;
    int month, day; /* from 1 */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, counted in years from March. */
static int64_t day_of(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2), era = floor_div(y, 400), yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static struct date date_of(int64_t day)
{
    int64_t z = day + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (struct date){yoe + era * 400 + (month <= 2), month,
                         (int)(doy - (153 * mp + 2) / 5 + 1)};
}

/* 1970-01-01 was a Thursday. */
static enum weekday weekday_of(int64_t day)
{
    return (enum weekday)(((day + THURSDAY) % 7 + 7) % 7);
}

/* The nth Sunday of a month. */
static int64_t sunday(int64_t year, int month, int nth)
{
    int64_t first = day_of(year, month, 1);
    return first + (7 - (int64_t)weekday_of(first)) % 7 + (int64_t)7 * (nth - 1);
}

/* Eastern time's distance to UTC. The clocks change at 2:00 standard and at 2:00 summer time. */
static int64_t offset_ms(int64_t unix_ms)
{
    int64_t year = date_of(floor_div(unix_ms - 5 * HOUR_MS, DAY_MS)).year;
    int64_t begin = sunday(year, 3, 2) * DAY_MS + 7 * HOUR_MS;
    int64_t end = sunday(year, 11, 1) * DAY_MS + 6 * HOUR_MS;
    return unix_ms >= begin && unix_ms < end ? -4 * HOUR_MS : -5 * HOUR_MS;
}

int64_t foc_day(int64_t unix_ms)
{
    return floor_div(unix_ms + offset_ms(unix_ms), DAY_MS);
}

int64_t foc_day_ms(int64_t day)
{
    int64_t local = day * DAY_MS + OPENING_MS;
    return local - offset_ms(local + 5 * HOUR_MS);
}

enum { EVERY_DATE = -1, LAST = 5 };

static const struct holiday {
    int month;
    int day;     /* of a fixed date; 0: the nth weekday of the month */
    int weekday; /* EVERY_DATE for a fixed date */
    int nth;     /* LAST: the last */
    int since;   /* year */
} holidays[] = {
    {1,  1,  EVERY_DATE, 0,    1870}, /* New Year's Day */
    {1,  0,  MONDAY,     3,    1986}, /* Birthday of Martin Luther King, Jr. */
    {2,  0,  MONDAY,     3,    1971}, /* Washington's Birthday */
    {5,  0,  MONDAY,     LAST, 1971}, /* Memorial Day */
    {6,  19, EVERY_DATE, 0,    2021}, /* Juneteenth */
    {7,  4,  EVERY_DATE, 0,    1870}, /* Independence Day */
    {9,  0,  MONDAY,     1,    1894}, /* Labor Day */
    {10, 0,  MONDAY,     2,    1971}, /* Columbus Day */
    {11, 11, EVERY_DATE, 0,    1978}, /* Veterans Day */
    {11, 0,  THURSDAY,   4,    1942}, /* Thanksgiving Day */
    {12, 25, EVERY_DATE, 0,    1870}, /* Christmas Day */
};

static bool on_date(const struct holiday *h, int64_t day)
{
    struct date date = date_of(day);
    return h->weekday == EVERY_DATE && date.month == h->month && date.day == h->day &&
           date.year >= h->since;
}

static bool on_weekday(const struct holiday *h, int64_t day)
{
    struct date date = date_of(day);
    bool nth =
        h->nth == LAST ? date_of(day + 7).month != date.month : (date.day - 1) / 7 + 1 == h->nth;
    return h->weekday == (int)weekday_of(day) && date.month == h->month && nth &&
           date.year >= h->since;
}

/* A holiday, or the working day on which one of a weekend is observed. */
static bool observed(const struct holiday *h, int64_t day)
{
    enum weekday weekday = weekday_of(day);
    return on_weekday(h, day) || on_date(h, day) || (weekday == FRIDAY && on_date(h, day + 1)) ||
           (weekday == MONDAY && on_date(h, day - 1));
}

static bool listed(const char *list, int64_t day)
{
    struct span rest = span_of(list), text;
    int64_t ms;
    while (span_cut(&rest, ',', &text)) {
        if (clock_parse(text, &ms) == 0 && floor_div(ms, DAY_MS) == day)
            return true;
    }
    return false;
}

bool foc_business_day(int64_t day, const char *more)
{
    enum weekday weekday = weekday_of(day);
    if (weekday == SATURDAY || weekday == SUNDAY || listed(more, day))
        return false;
    for (size_t i = 0; i < sizeof(holidays) / sizeof(*holidays); i++) {
        if (observed(&holidays[i], day))
            return false;
    }
    return true;
}

static int64_t first_day(const struct foc_rules *rules, int64_t now_ms)
{
    int64_t day = foc_day(now_ms), count = 0;
    while (count < rules->minimum_days || !foc_business_day(day, rules->holidays)) {
        day++;
        count += foc_business_day(day, rules->holidays);
    }
    return day;
}

int64_t foc_earliest(const struct foc_rules *rules, int64_t now_ms)
{
    return foc_day_ms(first_day(rules, now_ms));
}

enum foc_verdict foc_judge(const struct foc_rules *rules, int64_t now_ms, int64_t wanted_ms)
{
    int64_t day = foc_day(wanted_ms);
    if (wanted_ms < now_ms || day < first_day(rules, now_ms))
        return FOC_EARLY;
    if (day > foc_day(now_ms) + rules->maximum_days)
        return FOC_LATE;
    return foc_business_day(day, rules->holidays) ? FOC_FINE : FOC_CLOSED;
}
