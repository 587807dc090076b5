#include "money.h"

#include <inttypes.h>
#include <stdio.h>

#include "num.h"

enum { DECIMALS = 4 };
static const money_t LIMIT = 100000000000000; /* 1e14 units */

/* The digits after the point, scaled to 1/10,000. */
static int parse_fraction(struct span s, int64_t *ret)
{
    if (s.n > DECIMALS)
        return ERR_INVALID;
    int64_t v;
    int err = num_parse(s, 0, MONEY_DOLLAR, &v);
    if (err != ERR_OK)
        return err;
    for (size_t i = s.n; i < DECIMALS; i++)
        v *= 10;
    *ret = v;
    return ERR_OK;
}

int money_parse(struct span s, money_t *ret)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    if (negative)
        s = (struct span){s.p + 1, s.n - 1};
    const char *point = s.n > 0 ? memchr(s.p, '.', s.n) : NULL;
    size_t whole_n = point != NULL ? (size_t)(point - s.p) : s.n;
    int64_t whole, fraction = 0;
    int err = ERR_OK;
    if (point != NULL)
        err = parse_fraction((struct span){point + 1, s.n - whole_n - 1}, &fraction);
    if (err == ERR_OK)
        err = num_parse((struct span){s.p, whole_n}, 0, LIMIT / MONEY_DOLLAR, &whole);
    if (err != ERR_OK)
        return err;
    money_t v = whole * MONEY_DOLLAR + fraction;
    if (v > LIMIT)
        return ERR_RANGE;
    *ret = negative ? -v : v;
    return ERR_OK;
}

static uint64_t absolute(money_t amount)
{
    return amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
}

const char *money_text(money_t amount, char buf[MONEY_TEXT])
{
    uint64_t cents = (absolute(amount) + MONEY_CENT / 2) / MONEY_CENT;
    /* What rounds to zero has no sign. */
    const char *sign = amount < 0 && cents > 0 ? "-" : "";
    snprintf(buf, MONEY_TEXT, "%s%" PRIu64 ".%02" PRIu64, sign, cents / 100, cents % 100);
    return buf;
}

const char *money_rate_text(money_t amount, char buf[MONEY_TEXT])
{
    uint64_t units = absolute(amount);
    snprintf(buf, MONEY_TEXT, "%s%" PRIu64 ".%04" PRIu64, amount < 0 ? "-" : "",
             units / MONEY_DOLLAR, units % MONEY_DOLLAR);
    return buf;
}
