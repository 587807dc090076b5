#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>

#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>

#include "arena.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
/* Declared here without the header's const, which lets gcc take them for readers of memory that
 * nobody wrote. */
void __asan_poison_memory_region(volatile void *p, size_t n);
void __asan_unpoison_memory_region(volatile void *p, size_t n);
#define POISON(p, n)   __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
enum { REDZONE = 16 }; /* unaddressable bytes behind each piece */
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
enum { REDZONE = 0 };
#endif

enum {
    ALIGN = 16,
    BLOCK_COMMON = 8192 - 64, /* payload of the blocks that are kept for reuse */
    BLOCK_KEPT = 512,         /* at most 4 MiB wait for reuse */
    ARENA_MAX = 1 << 20,
};

struct block {
    struct block *older;
    size_t size, used;
    _Alignas(ALIGN) char data[];
};

/* Lives at the start of its own first block. */
struct arena {
    struct block *newest;
    size_t used;
};

/* Precedes each piece that libosip2 holds: realloc needs the size, free the origin. */
struct piece {
    _Alignas(ALIGN) size_t size;
    struct arena *owner; /* NULL: from malloc */
};

static struct block *kept;
static size_t n_kept;
static struct arena *current;
static size_t fail_in;

static bool fails_now(void)
{
    return fail_in > 0 && --fail_in == 0;
}

static size_t rounded(size_t n)
{
    return (n + REDZONE + ALIGN - 1) / ALIGN * ALIGN;
}

static struct block *block_new(size_t payload)
{
    size_t size = payload <= BLOCK_COMMON ? BLOCK_COMMON : payload;
    struct block *b = kept;

    if (size == BLOCK_COMMON && b) {
        kept = b->older;
        n_kept--;
    } else {
        b = malloc(sizeof(*b) + size);
        if (!b)
            return NULL;
        b->size = size;
        POISON(b->data, size);
    }
    b->older = NULL;
    b->used = 0;
    return b;
}

static void block_free(struct block *b)
{
    if (b->size == BLOCK_COMMON && n_kept < BLOCK_KEPT) {
        POISON(b->data, b->size);
        b->older = kept;
        kept = b;
        n_kept++;
        return;
    }
    UNPOISON(b->data, b->size);
    free(b);
}

static void *block_take(struct block *b, size_t n)
{
    char *p = b->data + b->used;

    b->used += rounded(n);
    UNPOISON(p, n);
    return p;
}

struct arena *arena_new(size_t first)
{
    size_t own = rounded(sizeof(struct arena));
    struct arena *a;
    struct block *b;

    if (first > ARENA_MAX || fails_now())
        return NULL;
    b = block_new(own + rounded(first));
    if (!b)
        return NULL;
    a = block_take(b, sizeof(*a));
    *a = (struct arena){.newest = b};
    return a;
}

void arena_free(struct arena *a)
{
    struct block *b = a ? a->newest : NULL;

    while (b) {
        struct block *older = b->older;

        block_free(b);
        b = older;
    }
}

/* Not zeroed. */
static void *take(struct arena *a, size_t n)
{
    struct block *b = a->newest;

    if (n > ARENA_MAX - a->used || fails_now())
        return NULL;
    if (rounded(n) > b->size - b->used) {
        b = block_new(rounded(n));
        if (!b)
            return NULL;
        b->older = a->newest;
        a->newest = b;
    }
    a->used += n;
    return block_take(b, n);
}

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = take(a, n);

    return p ? memset(p, 0, n) : NULL;
}

char *arena_text(struct arena *a, struct span s)
{
    char *p = take(a, s.n + 1);

    if (!p)
        return NULL;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

struct span arena_copy(struct arena *a, struct span s)
{
    char *p = take(a, s.n);

    if (!p)
        return (struct span){0};
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return (struct span){p, s.n};
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->newest, a->newest->used, a->used};
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
    struct block *b;

    while (a->newest != mark.block) {
        struct block *older = a->newest->older;

        block_free(a->newest);
        a->newest = older;
    }
    b = a->newest;
    POISON(b->data + mark.block_used, b->size - mark.block_used);
    b->used = mark.block_used;
    a->used = mark.used;
}

static void *hook_malloc(size_t n)
{
    struct piece *p;

    if (n > SIZE_MAX - sizeof(*p))
        return NULL;
    p = current ? take(current, sizeof(*p) + n) : malloc(sizeof(*p) + n);
    if (!p)
        return NULL;
    *p = (struct piece){.size = n, .owner = current};
    return p + 1;
}

static void hook_free(void *ptr)
{
    struct piece *p = ptr;

    if (p && !p[-1].owner)
        free(p - 1);
}

static void *hook_realloc(void *ptr, size_t n)
{
    struct piece *old = ptr;
    void *p = hook_malloc(n);

    if (!p || !old)
        return p;
    memcpy(p, old, old[-1].size < n ? old[-1].size : n);
    hook_free(old);
    return p;
}

void arena_hook_osip(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    osip_set_allocators(hook_malloc, hook_realloc, hook_free);
    parser_init();
}

struct arena *arena_enter(struct arena *a)
{
    struct arena *was = current;

    current = a;
    return was;
}

size_t arena_fail_at(size_t nth)
{
    size_t left = fail_in;

    fail_in = nth;
    return left;
}
