#include "scratch.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 8192 };

struct scratch_block {
    struct scratch_block *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

static size_t align_up(size_t n)
{
    return (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static struct scratch_block *block_add(struct scratch *s, size_t n)
{
    size_t size = n > BLOCK_SIZE ? n : BLOCK_SIZE;
    struct scratch_block *b = calloc(1, sizeof(*b) + size);
    if (!b)
        return NULL;
    b->size = size;
    b->next = s->blocks;
    s->blocks = b;
    return b;
}

void *scratch_alloc(struct scratch *s, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    n = align_up(n ? n : 1);
    struct scratch_block *b = s->blocks;
    if (!b || b->size - b->used < n)
        b = block_add(s, n);
    if (!b)
        return NULL;
    void *p = b->data + b->used;
    b->used += n;
    return p;
}

void *scratch_array(struct scratch *s, size_t n, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(n, size, &bytes) ? NULL : scratch_alloc(s, bytes);
}

char *scratch_text(struct scratch *s, struct span text)
{
    char *p = scratch_alloc(s, text.n + 1);
    if (p && text.n)
        memcpy(p, text.p, text.n);
    return p;
}

char *scratch_printf(struct scratch *s, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = n < 0 ? NULL : scratch_alloc(s, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}

void scratch_clear(struct scratch *s)
{
    while (s->blocks) {
        struct scratch_block *b = s->blocks;
        s->blocks = b->next;
        explicit_bzero(b->data, b->used); /* a request may have held a token or a card */
        free(b);
    }
}
