#include "phone.h"

#include <string.h>

enum { E164_MIN = 3, BLOCK_DIGITS = 6, CODE_DIGITS = 3 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_digits(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return false;
    }
    return true;
}

/* Codes such as 411 and 911 are services, never an area or an exchange. */
static bool is_n11(const char *code)
{
    return code[1] == '1' && code[2] == '1';
}

bool phone_block_valid(struct span npanxx)
{
    if (npanxx.n != BLOCK_DIGITS || !all_digits(npanxx))
        return false;
    const char *npa = npanxx.p, *nxx = npanxx.p + CODE_DIGITS;
    return npa[0] >= '2' && npa[1] != '9' && !is_n11(npa) && nxx[0] >= '2' && !is_n11(nxx);
}

int phone_parse(struct span s, struct phone *ret)
{
    bool plus = s.n > 0 && s.p[0] == '+';
    if (plus)
        s = (struct span){s.p + 1, s.n - 1};
    if (s.n == PHONE_NANP_DIGITS + 1 && s.p[0] == '1')
        s = (struct span){s.p + 1, s.n - 1};
    else if (plus)
        return ERR_INVALID;
    if (s.n != PHONE_NANP_DIGITS || !all_digits(s))
        return ERR_INVALID;
    if (!phone_block_valid((struct span){s.p, BLOCK_DIGITS}))
        return ERR_INVALID;
    memcpy(ret->digits, s.p, PHONE_NANP_DIGITS);
    ret->digits[PHONE_NANP_DIGITS] = '\0';
    return ERR_OK;
}

/* Copies without separators, a leading '+' included: buf holds PHONE_E164_MAX + 1. */
static int strip_separators(struct span s, char *buf, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c != '\0' && strchr("-.()", c) != NULL)
            continue;
        if (!is_digit(c) && !(c == '+' && n == 0))
            return ERR_INVALID;
        if (n > PHONE_E164_MAX)
            return ERR_INVALID;
        buf[n++] = c;
    }
    *ret_n = n;
    return ERR_OK;
}

int phone_e164(struct span s, char ret[PHONE_E164_MAX + 1])
{
    char buf[PHONE_E164_MAX + 1];
    size_t n;
    int err = strip_separators(s, buf, &n);
    if (err != ERR_OK)
        return err;
    struct phone nanp;
    if (phone_parse((struct span){buf, n}, &nanp) == ERR_OK) {
        ret[0] = '1';
        memcpy(ret + 1, nanp.digits, sizeof(nanp.digits));
        return ERR_OK;
    }
    struct span digits = {buf, n};
    if (n > 0 && buf[0] == '+')
        digits = (struct span){buf + 1, n - 1};
    if (digits.n < E164_MIN || digits.n > PHONE_E164_MAX)
        return ERR_INVALID;
    memcpy(ret, digits.p, digits.n);
    ret[digits.n] = '\0';
    return ERR_OK;
}

bool phone_tollfree(const char *codes, const char digits[static 3])
{
    struct span rest = span_of(codes), code;
    while (span_cut(&rest, ',', &code)) {
        if (span_eq(code, (struct span){digits, CODE_DIGITS}))
            return true;
    }
    return false;
}
