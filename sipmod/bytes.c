#include "bytes.h"

#include <stdlib.h>

enum { FIRST_CAP = 2048 };

static int reserve(struct bytes *b, size_t n)
{
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < n)
        cap *= 2;
    if (cap == b->cap)
        return ERR_OK;
    char *p = realloc(b->p, cap);
    if (!p)
        return ERR_NOMEM;
    b->p = p;
    b->cap = cap;
    return ERR_OK;
}

int bytes_add(struct bytes *b, struct span more)
{
    if (more.n == 0)
        return ERR_OK;
    int err = reserve(b, b->n + more.n);
    if (err != ERR_OK)
        return err;
    memcpy(b->p + b->n, more.p, more.n);
    b->n += more.n;
    return ERR_OK;
}

void bytes_drop(struct bytes *b, size_t n)
{
    if (n == 0)
        return;
    b->n -= n;
    if (b->n == 0)
        bytes_free(b);
    else
        memmove(b->p, b->p + n, b->n);
}

void bytes_free(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){0};
}

struct span bytes_span(const struct bytes *b)
{
    return (struct span){b->p, b->n};
}
