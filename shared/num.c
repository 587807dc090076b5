#include "num.h"

enum { DIGITS_MAX = 19 }; /* as many always fit an unsigned 64-bit integer */

static int magnitude(struct span s, uint64_t *ret)
{
    if (s.n == 0 || s.n > DIGITS_MAX)
        return ERR_INVALID;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return ERR_INVALID;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    *ret = v;
    return ERR_OK;
}

static int within(int64_t v, int64_t min, int64_t max, int64_t *ret)
{
    if (v < min || v > max)
        return ERR_RANGE;
    *ret = v;
    return ERR_OK;
}

int num_parse(struct span s, int64_t min, int64_t max, int64_t *ret)
{
    uint64_t v;
    int err = magnitude(s, &v);
    if (err != ERR_OK)
        return err;
    if (v > INT64_MAX)
        return ERR_RANGE;
    return within((int64_t)v, min, max, ret);
}

int num_parse_signed(struct span s, int64_t min, int64_t max, int64_t *ret)
{
    if (s.n == 0 || s.p[0] != '-')
        return num_parse(s, min, max, ret);
    uint64_t v;
    int err = magnitude((struct span){s.p + 1, s.n - 1}, &v);
    if (err != ERR_OK)
        return err;
    if (v > (uint64_t)INT64_MAX + 1)
        return ERR_RANGE;
    /* -v + 1 first: INT64_MIN has no positive twin. */
    return within(v == 0 ? 0 : -(int64_t)(v - 1) - 1, min, max, ret);
}
