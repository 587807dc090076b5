#include "ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void say(const char *fmt, va_list args) PRINTF_LIKE(1, 0);

static void say(const char *fmt, va_list args)
{
    fflush(stdout);
    fputs("trunkctl: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

int ctl_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    return CTL_FAILED;
}

int ctl_usage(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    return CTL_USAGE;
}

static void *checked(void *p)
{
    if (!p)
        exit(ctl_fail("out of memory"));
    return p;
}

void *ctl_alloc(size_t n)
{
    return checked(calloc(1, n));
}

void *ctl_grow(void *p, size_t n)
{
    return checked(realloc(p, n));
}

char *ctl_copy(struct span s)
{
    char *copy = ctl_alloc(s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}

char *ctl_format(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    return checked(n < 0 ? NULL : text);
}

void ctl_names_add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->v[i], name) == 0)
            return;
    }
    names->v = ctl_grow(names->v, (names->n + 1) * sizeof(*names->v));
    names->v[names->n++] = ctl_copy(span_of(name));
}

void ctl_names_free(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    free(names->v);
    *names = (struct names){0};
}
