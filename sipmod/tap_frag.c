#include "tap_frag.h"

#include <stdlib.h>
#include <uthash.h>

struct packet {
    UT_hash_handle hh; /* in the order of their first fragments */
    struct tap_frag_key key;
    int64_t since_us;
    bool refused; /* stays until its time is over, so that the rest of it finds no new start */
    size_t total; /* 0: the last fragment hasn't come */
    size_t n_pieces, n_bytes;
    struct {
        uint16_t from, to;
    } pieces[TAP_FRAG_PIECES];
    size_t cap;
    char *bytes;
};

struct tap_frags {
    struct packet *packets;
    char *whole; /* what was handed out last */
};

int tap_frags_new(struct tap_frags **ret)
{
    struct tap_frags *f = calloc(1, sizeof *f);
    if (!f)
        return ERR_NOMEM;
    *ret = f;
    return ERR_OK;
}

static void drop(struct tap_frags *f, struct packet *p)
{
    HASH_DEL(f->packets, p);
    free(p->bytes);
    free(p);
}

void tap_frags_free(struct tap_frags *f)
{
    if (!f)
        return;
    while (f->packets)
        drop(f, f->packets);
    free(f->whole);
    free(f);
}

/* Drops what has waited too long, and the oldest of too many. */
static void tidy(struct tap_frags *f, int64_t now_us)
{
    struct packet *p, *next;
    HASH_ITER(hh, f->packets, p, next)
    {
        int64_t age = now_us - p->since_us;
        if (age >= 0 && age < TAP_FRAG_US && HASH_COUNT(f->packets) < TAP_FRAG_PACKETS)
            break;
        drop(f, p);
    }
}

static struct packet *find_or_make(struct tap_frags *f, const struct tap_frag_key *key,
                                   int64_t at_us)
{
    struct packet *p;
    HASH_FIND(hh, f->packets, key, sizeof *key, p);
    if (p && at_us - p->since_us < TAP_FRAG_US)
        return p;
    if (p)
        drop(f, p);
    tidy(f, at_us);
    p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->key = *key;
    p->since_us = at_us;
    HASH_ADD(hh, f->packets, key, sizeof p->key, p);
    return p;
}

enum fit { FIT_NEW, FIT_REPEATED, FIT_WRONG };

/* A repeated fragment is the same range again. */
static enum fit fits(const struct packet *p, size_t from, size_t to, bool last)
{
    if (p->n_pieces == TAP_FRAG_PIECES || to > TAP_FRAG_BYTES || (p->total && to > p->total) ||
        (last && p->total && to != p->total))
        return FIT_WRONG;
    for (size_t i = 0; i < p->n_pieces; i++) {
        if (p->pieces[i].from == from && p->pieces[i].to == to)
            return FIT_REPEATED;
        if (from < p->pieces[i].to && to > p->pieces[i].from)
            return FIT_WRONG;
        if (last && p->pieces[i].to > to)
            return FIT_WRONG;
    }
    return FIT_NEW;
}

static bool make_room(struct packet *p, size_t n)
{
    size_t cap = p->cap ? p->cap : 4096;
    while (cap < n)
        cap *= 2;
    if (cap == p->cap)
        return true;
    char *bytes = realloc(p->bytes, cap);
    if (!bytes)
        return false;
    p->bytes = bytes;
    p->cap = cap;
    return true;
}

static void refuse(struct packet *p)
{
    p->refused = true;
    free(p->bytes);
    p->bytes = NULL;
    p->cap = 0;
}

static enum tap_frag_found hand_out(struct tap_frags *f, struct packet *p, struct span *ret)
{
    free(f->whole);
    f->whole = p->bytes;
    p->bytes = NULL;
    *ret = (struct span){f->whole, p->total};
    drop(f, p);
    return TAP_FRAG_WHOLE;
}

enum tap_frag_found tap_frag_add(struct tap_frags *f, const struct tap_frag_key *key, int64_t at_us,
                                 size_t offset, bool last, struct span piece, struct span *ret)
{
    size_t to = offset + piece.n;
    struct packet *p = find_or_make(f, key, at_us);
    if (!p || p->refused)
        return TAP_FRAG_REFUSED;
    enum fit fit = piece.n && (last || piece.n % 8 == 0) ? fits(p, offset, to, last) : FIT_WRONG;
    if (fit == FIT_WRONG || (fit == FIT_NEW && !make_room(p, to))) {
        refuse(p);
        return TAP_FRAG_REFUSED;
    }
    if (fit == FIT_REPEATED)
        return TAP_FRAG_MORE;
    memcpy(p->bytes + offset, piece.p, piece.n);
    p->pieces[p->n_pieces].from = (uint16_t)offset;
    p->pieces[p->n_pieces++].to = (uint16_t)to;
    p->n_bytes += piece.n;
    if (last)
        p->total = to;
    return p->total && p->n_bytes == p->total ? hand_out(f, p, ret) : TAP_FRAG_MORE;
}
