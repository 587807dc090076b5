#include "capture_ring.h"

#include <stdlib.h>

enum { ALIGN = 8 };

/* In the ring before each message's bytes. */
struct record {
    uint32_t size; /* of record, bytes and padding */
    uint32_t n;    /* bytes of the message; SKIP: nothing up to the end of the memory */
    int64_t at_us;
    uint32_t seq, ack;
    struct addr local, remote;
    uint8_t protocol;
    bool out;
};

#define SKIP UINT32_MAX

/* Positions are bytes since the beginning of time; modulo `cap` they are places. */
struct capture_ring {
    size_t cap;
    uint64_t oldest, latest, end;
    char bytes[];
};

int capture_ring_new(struct capture_ring **ret, size_t bytes)
{
    size_t cap = bytes / ALIGN * ALIGN;
    /* calloc: pages come into being as they are filled */
    struct capture_ring *r = calloc(1, sizeof *r + cap);
    if (!r)
        return ERR_NOMEM;
    r->cap = cap;
    *ret = r;
    return ERR_OK;
}

void capture_ring_free(struct capture_ring *r)
{
    free(r);
}

void capture_ring_clear(struct capture_ring *r)
{
    r->oldest = r->latest = r->end = 0;
}

static struct record *at(const struct capture_ring *r, uint64_t position)
{
    return (struct record *)(r->bytes + position % r->cap);
}

static size_t to_the_end(const struct capture_ring *r, uint64_t position)
{
    return r->cap - position % r->cap;
}

/* Drops the oldest until so many bytes are free behind the end. */
static void make_room(struct capture_ring *r, size_t n)
{
    while (r->end + n - r->oldest > r->cap)
        r->oldest += at(r, r->oldest)->size;
}

void capture_ring_add(struct capture_ring *r, const struct capture_message *m)
{
    const struct transport_message *w = &m->wire;
    size_t size = (sizeof(struct record) + w->bytes.n + ALIGN - 1) / ALIGN * ALIGN;
    size_t left = to_the_end(r, r->end);
    if (size > r->cap)
        return;
    if (size > left) { /* a record lies in one piece */
        make_room(r, left);
        struct record *skip = at(r, r->end);
        skip->size = (uint32_t)left;
        skip->n = SKIP;
        r->end += left;
    }
    make_room(r, size);
    struct record *record = at(r, r->end);
    record->size = (uint32_t)size;
    record->n = (uint32_t)w->bytes.n;
    record->at_us = m->at_us;
    record->seq = w->seq;
    record->ack = w->ack;
    record->local = *w->local;
    record->remote = *w->remote;
    record->protocol = (uint8_t)w->protocol;
    record->out = w->out;
    memcpy(record + 1, w->bytes.p, w->bytes.n);
    r->latest = r->end;
    r->end += size;
}

uint64_t capture_ring_latest(const struct capture_ring *r)
{
    return r->latest;
}

bool capture_ring_next(const struct capture_ring *r, uint64_t *position,
                       struct capture_message *ret)
{
    if (*position < r->oldest)
        *position = r->oldest;
    if (*position < r->end && at(r, *position)->n == SKIP)
        *position += at(r, *position)->size;
    if (*position >= r->end)
        return false;
    const struct record *record = at(r, *position);
    *position += record->size;
    *ret = (struct capture_message){
        .at_us = record->at_us,
        .wire = {.out = record->out,
                 .protocol = (enum protocol)record->protocol,
                 .local = &record->local,
                 .remote = &record->remote,
                 .seq = record->seq,
                 .ack = record->ack,
                 .bytes = {(const char *)(record + 1), record->n}}
    };
    return true;
}
