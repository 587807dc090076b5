#include "clock.h"

#include <stdio.h>
#include <time.h>

#include "num.h"

static const int64_t MIN_MS = -62167219200000; /* 0000-01-01 00:00:00 */
static const int64_t MAX_MS = 253402300799999; /* 9999-12-31 23:59:59.999 */

int64_t clock_boot_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_boot_ms(void)
{
    return clock_boot_us() / 1000;
}

static int64_t floor_seconds(int64_t ms)
{
    return ms >= 0 ? ms / 1000 : -((999 - ms) / 1000);
}

const char *clock_text(int64_t unix_ms, char buf[CLOCK_TEXT])
{
    if (unix_ms < MIN_MS)
        unix_ms = MIN_MS;
    if (unix_ms > MAX_MS)
        unix_ms = MAX_MS;
    time_t t = (time_t)floor_seconds(unix_ms);
    struct tm tm;
    gmtime_r(&t, &tm);
    char text[64]; /* as far as the compiler knows, a year may have ten digits */
    snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(buf, text, CLOCK_TEXT - 1);
    buf[CLOCK_TEXT - 1] = '\0';
    return buf;
}

/* Matches a pattern in which each run of '0' stands for digits of a field. */
static bool match(struct span s, const char *pattern, int *fields)
{
    size_t n = strlen(pattern), field = 0;
    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (pattern[i] != '0') {
            if (s.p[i] != pattern[i])
                return false;
            field++;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        fields[field] = fields[field] * 10 + (s.p[i] - '0');
    }
    return true;
}

/* Cuts ".123Z" or "Z" off an ISO 8601 time and leaves a "Z" form; digits past a ms are dropped. */
static bool cut_fraction(struct span *s, int64_t *ret_ms)
{
    enum { SECONDS_END = 19, DIGITS_MAX = 9 };
    if (s->n <= SECONDS_END + 1 || s->p[SECONDS_END] != '.' || s->p[s->n - 1] != 'Z')
        return false;
    struct span digits = {s->p + SECONDS_END + 1, s->n - SECONDS_END - 2};
    int64_t v;
    if (digits.n > DIGITS_MAX || num_parse(digits, 0, INT64_MAX, &v) != ERR_OK)
        return false;
    for (size_t i = digits.n; i < 3; i++)
        v *= 10;
    for (size_t i = 3; i < digits.n; i++)
        v /= 10;
    *ret_ms = v;
    s->n = SECONDS_END;
    return true;
}

static bool match_any(struct span s, int fields[6], int64_t *ret_ms)
{
    static const char *const PATTERNS[] = {"0000-00-00", "0000-00-00 00:00:00",
                                           "0000-00-00T00:00:00Z"};
    *ret_ms = 0;
    if (cut_fraction(&s, ret_ms))
        return match(s, "0000-00-00T00:00:00", fields);
    for (size_t i = 0; i < sizeof(PATTERNS) / sizeof(PATTERNS[0]); i++) {
        int found[7] = {0};
        if (match(s, PATTERNS[i], found)) {
            memcpy(fields, found, 6 * sizeof(int));
            return true;
        }
    }
    return false;
}

int clock_parse(struct span s, int64_t *ret_unix_ms)
{
    int f[6] = {0};
    int64_t ms;
    if (!match_any(s, f, &ms))
        return ERR_INVALID;
    if (f[3] > 23 || f[4] > 59 || f[5] > 59)
        return ERR_INVALID;
    struct tm tm = {.tm_year = f[0] - 1900,
                    .tm_mon = f[1] - 1,
                    .tm_mday = f[2],
                    .tm_hour = f[3],
                    .tm_min = f[4],
                    .tm_sec = f[5]};
    time_t t = timegm(&tm);
    /* timegm turns 02-30 into 03-01: no such day. */
    if (tm.tm_mon != f[1] - 1 || tm.tm_mday != f[2])
        return ERR_INVALID;
    *ret_unix_ms = (int64_t)t * 1000 + ms;
    return ERR_OK;
}
