/* The calendar of port-ins: on which days a losing carrier lets numbers go (FOC, firm order
 * commitment). Days are days of Eastern time, where the number portability centre works, counted
 * from 1970-01-01. */
#ifndef TRUNKLINE_FOC_H
#define TRUNKLINE_FOC_H

#include <stdbool.h>
#include <stdint.h>

struct foc_rules {
    int64_t minimum_days; /* business days after today before the first FOC */
    int64_t maximum_days; /* calendar days after today up to the last */
    const char *holidays; /* more days without FOC: "YYYY-MM-DD" by comma */
};

/* The Eastern day that a moment lies in: UTC-5, UTC-4 from the second Sunday of March to the first
 * Sunday of November, each at 2:00 (15 U.S.C. 260a). */
int64_t foc_day(int64_t unix_ms);

/* The usual hour of that day: 11:30 Eastern. */
int64_t foc_day_ms(int64_t day);

/* Monday to Friday, no federal holiday (5 U.S.C. 6103; one on a Saturday is observed on Friday, on
 * a Sunday on Monday), not in the list. */
bool foc_business_day(int64_t day, const char *holidays);

/* The first FOC for an order of this moment. */
int64_t foc_earliest(const struct foc_rules *rules, int64_t now_ms);

enum foc_verdict { FOC_FINE, FOC_EARLY, FOC_LATE, FOC_CLOSED };
enum foc_verdict foc_judge(const struct foc_rules *rules, int64_t now_ms, int64_t wanted_ms);

#endif
