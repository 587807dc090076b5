#include "card.h"

#include <time.h>

#include "num.h"

bool card_luhn(struct span digits)
{
    int sum = 0;
    for (size_t i = 0; i < digits.n; i++) {
        int digit = digits.p[digits.n - 1 - i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        if (i % 2 == 1)
            digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
        sum += digit;
    }
    return digits.n > 0 && sum % 10 == 0;
}

int card_year(struct span digits)
{
    int64_t year;
    if ((digits.n != 2 && digits.n != 4) || num_parse(digits, 0, 9999, &year) != ERR_OK)
        return 0;
    return (int)year + (digits.n == 2 ? 2000 : 0);
}

bool card_expired(int month, int year, int64_t now_s)
{
    time_t t = (time_t)now_s;
    struct tm tm;
    gmtime_r(&t, &tm);
    return year < tm.tm_year + 1900 || (year == tm.tm_year + 1900 && month < tm.tm_mon + 1);
}
