#include "out.h"

#include <stdarg.h>
#include <stdio.h>

#include "text.h"

void out_span(struct out *o, struct span s)
{
    if (s.n == 0)
        return;
    if (o->full || s.n > o->cap - o->n) {
        o->full = true;
        return;
    }
    memcpy(o->buf + o->n, s.p, s.n);
    o->n += s.n;
}

void out_text(struct out *o, const char *text)
{
    out_span(o, span_of(text));
}

void out_number(struct out *o, uint64_t n)
{
    char digits[TEXT_NUMBER];
    out_span(o, (struct span){digits, (size_t)(text_digits(n, digits) - digits)});
}

void out_hex(struct out *o, uint64_t v, int digits)
{
    char text[16];
    for (int i = digits - 1; i >= 0; i--, v >>= 4)
        text[i] = "0123456789abcdef"[v & 15];
    out_span(o, (struct span){text, (size_t)digits});
}

void out_format(struct out *o, const char *fmt, ...)
{
    if (o->full)
        return;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(o->buf + o->n, o->cap - o->n, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= o->cap - o->n)
        o->full = true;
    else
        o->n += (size_t)n;
}

struct span out_done(const struct out *o)
{
    return (struct span){o->buf, o->full ? 0 : o->n};
}
