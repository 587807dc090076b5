#include "redis_wire.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

enum {
    HEAD_MAX = 24,
    KEPT_MAX = 256 * 1024,
    FIRST_CAP = 1024
}; /* HEAD: "$SIZE\r\n", room for it is reserved */

static size_t length(const char *const argv[], const size_t lens[], size_t i)
{
    return lens != NULL ? lens[i] : strlen(argv[i]);
}

static int reserve(struct redis_wire *w, size_t more)
{
    if (more <= w->cap - w->n)
        return ERR_OK;
    size_t cap = w->cap > 0 ? w->cap : FIRST_CAP;
    while (cap - w->n < more)
        cap *= 2;
    char *p = realloc(w->p, cap);
    if (p == NULL)
        return ERR_NOMEM;
    w->p = p;
    w->cap = cap;
    return ERR_OK;
}

static void put(struct redis_wire *w, const char *p, size_t n)
{
    if (n > 0)
        memcpy(w->p + w->n, p, n);
    w->n += n;
}

static void put_head(struct redis_wire *w, char type, size_t n)
{
    char *p = w->p + w->n;
    *p++ = type;
    p = text_digits(n, p);
    *p++ = '\r';
    *p++ = '\n';
    w->n = (size_t)(p - w->p);
}

int redis_wire_add(struct redis_wire *w, size_t argc, const char *const argv[], const size_t lens[])
{
    size_t total = HEAD_MAX;
    for (size_t i = 0; i < argc; i++)
        total += HEAD_MAX + length(argv, lens, i) + 2;
    int err = reserve(w, total);
    if (err != ERR_OK)
        return err;
    put_head(w, '*', argc);
    for (size_t i = 0; i < argc; i++) {
        size_t n = length(argv, lens, i);
        put_head(w, '$', n);
        put(w, argv[i], n);
        put(w, "\r\n", 2);
    }
    return ERR_OK;
}

int redis_wire_append(struct redis_wire *w, const struct redis_wire *more)
{
    int err = reserve(w, more->n);
    if (err == ERR_OK)
        put(w, more->p, more->n);
    return err;
}

void redis_wire_clear(struct redis_wire *w)
{
    if (w->cap > KEPT_MAX)
        redis_wire_free(w);
    w->n = 0;
}

void redis_wire_free(struct redis_wire *w)
{
    free(w->p);
    *w = (struct redis_wire){0};
}
