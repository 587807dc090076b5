/* Memory that lives and dies together: one arena a message. libosip2 allocates from the arena that
 * is current, so that freeing a parsed message is one call. Not thread-safe: one loop, one thread.
 */
#ifndef TRUNKLINE_ARENA_H
#define TRUNKLINE_ARENA_H

#include <stddef.h>

#include "span.h"

struct arena;

/* NULL when out of memory. The first block holds `first` bytes. */
struct arena *arena_new(size_t first);
void arena_free(struct arena *a); /* accepts NULL; blocks of the common size are kept for reuse */

/* Zeroed, aligned for any type. NULL when out of memory or over 1 MiB in all. */
void *arena_alloc(struct arena *a, size_t n);
char *arena_text(struct arena *a, struct span s);       /* NUL terminated copy, or NULL */
struct span arena_copy(struct arena *a, struct span s); /* .p NULL when out of memory */
size_t arena_used(const struct arena *a);

/* Scratch: what was allocated since the mark is given back by arena_rewind. */
struct arena_mark {
    void *block; /* private */
    size_t block_used, used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

/* Routes libosip2's allocations (process-wide) to the current arena; outside of any, to malloc. */
void arena_hook_osip(void);
/* Makes `a` current and returns what was; NULL: none. */
struct arena *arena_enter(struct arena *a);

/* For tests: from now on the nth allocation (arena_new counts as one) fails, once. 0: none does.
 * Returns what was left of the former count; 0: it has struck. */
size_t arena_fail_at(size_t nth);

#endif
