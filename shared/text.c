#include "text.h"

void text_set_span(char *buf, size_t cap, struct span s)
{
    size_t n = s.n < cap ? s.n : cap - 1;
    if (n > 0)
        memcpy(buf, s.p, n);
    buf[n] = '\0';
}

void text_set(char *buf, size_t cap, const char *text)
{
    text_set_span(buf, cap, (struct span){text, strlen(text)});
}

char *text_digits(uint64_t n, char *p)
{
    char digits[TEXT_NUMBER], *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    size_t count = (size_t)(digits + sizeof digits - first);
    memcpy(p, first, count);
    return p + count;
}

char *text_number(int64_t n, char buf[TEXT_NUMBER])
{
    char *p = buf;
    if (n < 0)
        *p++ = '-';
    *text_digits(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, p) = '\0';
    return buf;
}
