/* uthash as clang's analyzer sees it. The real macros relink neighbours through pointers, the
 * analyzer loses track there and reports uses after free that can't be; what a table does to its
 * members is unknown to it instead. Only types and arguments are checked here. */
#ifndef TRUNKLINE_UTHASH_H
#define TRUNKLINE_UTHASH_H

#include <stddef.h>
#include <string.h>

typedef struct UT_hash_handle {
    void *tbl, *prev, *next;
} UT_hash_handle;

void *uthash_member(const void *head, const void *key, size_t n);
void *uthash_change(void *head, void *member);
unsigned uthash_count(const void *head);

#define HASH_FIND(hh, head, key, n, out)  ((out) = uthash_member((head), (key), (n)))
#define HASH_FIND_STR(head, key, out)     ((out) = uthash_member((head), (key), strlen(key)))
#define HASH_FIND_INT(head, key, out)     ((out) = uthash_member((head), (key), sizeof(int)))

#define HASH_ADD(hh, head, field, n, add) ((head) = uthash_change((head), (add)))
#define HASH_ADD_STR(head, field, add)    ((head) = uthash_change((head), (add)))
#define HASH_ADD_INT(head, field, add)    ((head) = uthash_change((head), (add)))
#define HASH_ADD_KEYPTR(hh, head, key, n, add)                                                     \
    ((void)(key), (void)(n), (head) = uthash_change((head), (add)))

#define HASH_DEL(head, del)        ((head) = uthash_change((head), (del)))
#define HASH_DELETE(hh, head, del) ((head) = uthash_change((head), (del)))
#define HASH_CLEAR(hh, head)       ((head) = uthash_change((head), NULL))
#define HASH_COUNT(head)           uthash_count(head)

#define HASH_ITER(hh, head, el, tmp)                                                               \
    for ((el) = uthash_member((head), NULL, 0), (tmp) = uthash_member((el), NULL, 0); (el);        \
         (el) = (tmp), (tmp) = uthash_member((el), NULL, 0))

#endif
