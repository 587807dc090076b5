#include "span.h"

struct span span_of(const char *text)
{
    return (struct span){text, text != NULL ? strlen(text) : 0};
}

bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Not tolower(): that one depends on the locale. */
static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool span_starts_nocase(struct span s, struct span head)
{
    if (s.n < head.n)
        return false;
    for (size_t i = 0; i < head.n; i++) {
        if (fold(s.p[i]) != fold(head.p[i]))
            return false;
    }
    return true;
}

bool span_eq_nocase(struct span a, struct span b)
{
    return a.n == b.n && span_starts_nocase(a, b);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool span_cut(struct span *rest, char sep, struct span *ret_part)
{
    if (rest->n == 0)
        return false;
    const char *end = memchr(rest->p, sep, rest->n);
    size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;
    size_t used = end != NULL ? n + 1 : n;
    *ret_part = span_trim((struct span){rest->p, n});
    rest->p += used;
    rest->n -= used;
    return true;
}

bool span_copy(struct span s, char *buf, size_t cap)
{
    if (s.n >= cap || (s.n > 0 && memchr(s.p, '\0', s.n) != NULL))
        return false;
    if (s.n > 0)
        memcpy(buf, s.p, s.n);
    buf[s.n] = '\0';
    return true;
}
