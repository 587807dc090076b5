#include "kept.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "reply.h"

/* Replies that share a slot replace each other. LIFE bounds what a reply could be late by if a
 * change renewed no revision. */
enum {
    SLOTS = 4096,
    BYTES_MAX = 64 << 20,
    REPLY_MAX = 1 << 20,
    LIFE_MS = 60000,
    RENEW_MS = 5000,
    AT_ONCE = 256,
    GATHER_NS = 50000,
    STATS_AT = 9 /* first value of stats_get: ok, columns, 7 names */
};

struct kept {
    struct redis_pool *redis;
    pthread_t thread;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t wake;
    bool stop;
    struct kept_check *first, **last; /* to be checked */
    unsigned long era;                /* of the settings */
    size_t bytes;
    struct kept_reply *slots[SLOTS];
};

void kept_drop(struct kept_reply *r)
{
    if (!r || atomic_fetch_sub(&r->users, 1) > 1)
        return;
    auth_record_drop(r->record);
    free(r->body);
    free(r);
}

static struct kept_reply **slot_of(struct kept *k, const char *digest)
{
    return &k->slots[strtoul((char[]){digest[0], digest[1], digest[2], '\0'}, NULL, 16) % SLOTS];
}

static void clear_slot(struct kept *k, struct kept_reply **slot)
{
    if (*slot)
        k->bytes -= (*slot)->body_n;
    kept_drop(*slot);
    *slot = NULL;
}

void kept_clear(struct kept *k)
{
    pthread_mutex_lock(&k->lock);
    k->era++;
    for (size_t i = 0; i < SLOTS; i++)
        clear_slot(k, &k->slots[i]);
    pthread_mutex_unlock(&k->lock);
}

/* Bases of several replies, each once. */
struct question {
    size_t n;
    struct cmd cmds[AT_ONCE];
    struct redisReply *replies[AT_ONCE];
    const struct kept_base *bases[AT_ONCE];
};

static bool is_same(const struct kept_base *a, const struct kept_base *b)
{
    return strcmp(a->key.text, b->key.text) == 0 && strcmp(a->number, b->number) == 0;
}

static void put_question(struct cmd *c, const struct kept_base *base)
{
    if (*base->number) {
        cmd_fcall_ro(c, "stats_get", base->key.text);
        cmd_text(c, "did");
        cmd_text(c, "");
        cmd_text(c, base->number);
    } else {
        cmd_text(c, "GET");
        cmd_text(c, key_revision(base->key.text).text);
    }
}

/* Index of a base's question; a new one if it was not asked yet. AT_ONCE: no room. */
static size_t ask_for(struct question *q, const struct kept_base *base)
{
    size_t i = 0;
    while (i < q->n && !is_same(q->bases[i], base))
        i++;
    if (i == q->n && i < AT_ONCE) {
        q->cmds[i] = (struct cmd){0};
        q->bases[i] = base;
        put_question(&q->cmds[i], base);
        q->n++;
    }
    return i;
}

/* All elements of a function's reply, by spaces. */
static bool join(const struct redisReply *r, char ret[KEPT_REVISION_MAX])
{
    size_t n = 0;
    if (reply_check(r) != ERR_OK)
        return false;
    for (size_t i = STATS_AT; i < reply_count(r); i++) {
        struct span text = reply_span(r, i);
        if (n + text.n + 2 > KEPT_REVISION_MAX)
            return false;
        memcpy(ret + n, text.p, text.n);
        n += text.n;
        ret[n++] = ' ';
    }
    ret[n] = '\0';
    return true;
}

/* False: there is none. */
static bool read_revision(const struct kept_base *base, const struct redisReply *r,
                          char ret[KEPT_REVISION_MAX])
{
    if (*base->number)
        return join(r, ret);
    struct span revision = raw_span(r);
    return revision.n && span_copy(revision, ret, KEPT_REVISION_MAX);
}

static void question_end(struct question *q)
{
    for (size_t i = 0; i < q->n; i++) {
        reply_free(q->replies[i]);
        cmd_free(&q->cmds[i]);
    }
}

static bool is_good(struct question *q, const struct kept_reply *r)
{
    char now[KEPT_REVISION_MAX];
    bool good = true;
    for (size_t i = 0; i < r->base_n && good; i++) {
        size_t at = ask_for(q, &r->bases[i]);
        good = at < q->n && read_revision(&r->bases[i], q->replies[at], now) &&
               strcmp(now, r->bases[i].revision) == 0;
    }
    return good;
}

/* Asks for all revisions at once. A reply whose question has no room is not good. */
static void check_all(struct kept *k, struct kept_check *list)
{
    struct question q = {0};
    for (const struct kept_check *c = list; c; c = c->next) {
        for (size_t i = 0; i < c->reply->base_n; i++)
            (void)ask_for(&q, &c->reply->bases[i]);
    }
    int err = redis_pipeline(k->redis, q.cmds, q.n, q.replies);
    for (struct kept_check *c = list; c; c = c->next)
        c->good = err == ERR_OK && is_good(&q, c->reply);
    question_end(&q);
    for (struct kept_check *c = list, *next; c; c = next) {
        next = c->next;
        c->done(c);
    }
}

static void *check_thread(void *arg)
{
    struct kept *k = arg;
    pthread_mutex_lock(&k->lock);
    while (!k->stop) {
        struct kept_check *list = k->first;
        if (!list) {
            pthread_cond_wait(&k->wake, &k->lock);
            continue;
        }
        if (list->next) { /* where some come many come: let them come along */
            pthread_mutex_unlock(&k->lock);
            nanosleep(&(struct timespec){.tv_nsec = GATHER_NS}, NULL);
            pthread_mutex_lock(&k->lock);
        }
        k->first = NULL;
        k->last = &k->first;
        pthread_mutex_unlock(&k->lock);
        check_all(k, list);
        pthread_mutex_lock(&k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

int kept_open(struct kept **ret, struct redis_pool *redis)
{
    struct kept *k = calloc(1, sizeof(*k));
    if (!k)
        return ERR_NOMEM;
    k->redis = redis;
    k->last = &k->first;
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->wake, NULL);
    if (pthread_create(&k->thread, NULL, check_thread, k) != 0) {
        free(k);
        return ERR_SYSTEM;
    }
    *ret = k;
    return ERR_OK;
}

void kept_close(struct kept *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    kept_clear(k);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

/* False: one has no revision, or they can't be had. */
static bool read_revisions(struct kept *k, struct kept_reply *r)
{
    struct question q = {0};
    for (size_t i = 0; i < r->base_n; i++)
        (void)ask_for(&q, &r->bases[i]);
    bool known = redis_pipeline(k->redis, q.cmds, q.n, q.replies) == ERR_OK;
    for (size_t i = 0; i < r->base_n && known; i++) {
        struct kept_base *base = &r->bases[i];
        known = read_revision(base, q.replies[ask_for(&q, base)], base->revision);
    }
    question_end(&q);
    return known;
}

struct kept_reply *kept_begin(struct kept *k, const struct kept_base *bases, size_t n)
{
    struct kept_reply *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    atomic_init(&r->users, 1);
    r->base_n = n;
    for (size_t i = 0; i < n; i++)
        r->bases[i] = bases[i];
    pthread_mutex_lock(&k->lock);
    r->era = k->era;
    pthread_mutex_unlock(&k->lock);
    r->due_ms = clock_boot_ms() + LIFE_MS;
    if (!read_revisions(k, r)) {
        kept_drop(r);
        r = NULL;
    }
    return r;
}

void kept_put(struct kept *k, struct kept_reply *r)
{
    pthread_mutex_lock(&k->lock);
    struct kept_reply **slot = slot_of(k, r->request);
    bool fits = r->era == k->era && r->body_n <= REPLY_MAX;
    if (fits)
        clear_slot(k, slot);
    for (size_t i = 0; i < SLOTS && fits && k->bytes + r->body_n > BYTES_MAX; i++)
        clear_slot(k, &k->slots[i]);
    if (fits) {
        k->bytes += r->body_n;
        *slot = r;
    }
    pthread_mutex_unlock(&k->lock);
    if (!fits)
        kept_drop(r);
}

/* One that has lived long enough is made anew by the first who asks; the others need not wait for
 * that, or do it as well: it is checked like any other. */
static bool is_due(struct kept_reply *r)
{
    int64_t now = clock_boot_ms();
    if (now < r->due_ms)
        return false;
    r->due_ms = now + RENEW_MS;
    return true;
}

struct kept_reply *kept_find(struct kept *k, const char *digest)
{
    pthread_mutex_lock(&k->lock);
    struct kept_reply *r = *slot_of(k, digest);
    if (r && (strcmp(r->request, digest) != 0 || is_due(r)))
        r = NULL;
    if (r)
        atomic_fetch_add(&r->users, 1);
    pthread_mutex_unlock(&k->lock);
    return r;
}

void kept_check(struct kept *k, struct kept_check *check)
{
    check->next = NULL;
    pthread_mutex_lock(&k->lock);
    bool idle = !k->first;
    *k->last = check;
    k->last = &check->next;
    if (idle)
        pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
}
