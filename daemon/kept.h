/* Replies of reads that are kept, and given again as long as nothing that they tell has changed.
 * What they tell lies behind base keys (an account, a state's inventory) whose revision each change
 * renews: each use asks for the revisions first, all uses of a moment by one question. So no reply
 * is older than a write that was answered before its request came, whoever wrote it. */
#ifndef TRUNKLINE_KEPT_H
#define TRUNKLINE_KEPT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "auth_cache.h"
#include "keys.h"
#include "redis.h"
#include "secret.h"

struct endpoint;

enum { KEPT_BASES = 2, KEPT_REVISION_MAX = 160 };

/* What a reply tells of, and its revision; empty: it has none, and nothing may be kept. Statistics
 * change with each call and have no revision but themselves. */
struct kept_base {
    struct key key;                     /* of an account or an inventory */
    char number[PHONE_NANP_DIGITS + 1]; /* not empty: statistics of this number of the account */
    char revision[KEPT_REVISION_MAX];
};

/* Filled in before kept_put, hardly changed afterwards; counted. */
struct kept_reply {
    atomic_int users;
    char request[SECRET_SHA256_HEX]; /* digest of the request that it answers */
    struct kept_base bases[KEPT_BASES];
    size_t base_n;
    unsigned long era;
    int64_t due_ms; /* when it is made anew; the cache's */
    const struct endpoint *endpoint;
    struct auth_record *record; /* of its account, no younger than the revision */
    char token[SECRET_SHA256_HEX];
    char *body;
    size_t body_n;
};

struct kept;

MUST_CHECK int kept_open(struct kept **ret, struct redis_pool *redis);
void kept_close(struct kept *k); /* accepts NULL; no check may be under way */

/* Forgets all, and what is being made: settings have changed. */
void kept_clear(struct kept *k);

/* NULL: there is none, or no memory; else made with the revisions of now, which come before what
 * the reply is made of. Give it to kept_put or kept_drop. */
struct kept_reply *kept_begin(struct kept *k, const struct kept_base *bases, size_t n);
/* Keeps it, unless it is too large; gives the reference up. */
void kept_put(struct kept *k, struct kept_reply *r);
void kept_drop(struct kept_reply *r); /* accepts NULL */

/* The reply to a request, not checked yet, counted; or NULL. */
struct kept_reply *kept_find(struct kept *k, const char *digest);

/* A use of a reply: `done` is called, on another thread, once it is known whether it is good. */
struct kept_check {
    struct kept_check *next;
    struct kept_reply *reply;
    bool good;
    void (*done)(struct kept_check *check);
};
void kept_check(struct kept *k, struct kept_check *check);

#endif
