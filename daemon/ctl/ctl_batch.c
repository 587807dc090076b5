#include "ctl_batch.h"

#include <stdlib.h>

#include "ctl_state.h"
#include "num.h"

enum {
    FIRST_BLOCK = 200000, /* NPANXX */
    BLOCKS = 1000000 - FIRST_BLOCK,
    BLOCK_DIGITS = 6,
    LINE_DIGITS = 4,
    MOST_ROWS = 1024 * 1024, /* gathered at once */
    MOST_GROUPS = 128 * 1024,
    BITMAP = 1250,     /* bytes */
    CALL_BLOCKS = 200, /* in one call: it must not keep the server from live calls for long */
    CALLS = 16,        /* in one pipeline */
};

struct block {
    uint32_t place; /* hash of rate centre and city in this import; 0: not yet named */
    uint32_t group; /* in the batch, from 1; 0: none */
    uint8_t state;  /* state_index + 1; 0: not in the inventory */
};

/* Numbers of one block that wait. */
struct group {
    uint32_t block; /* index into blocks */
    char *ratecenter, *city;
    char *lines; /* groups of four digits */
    size_t n, cap;
};

struct batch {
    struct ctl *ctl;
    size_t rows, groups_n;
    int64_t added, known;
    struct group groups[MOST_GROUPS];
    struct block blocks[BLOCKS];
};

/* ---- Which blocks there are ---- */

static void mark_blocks(void *arg, const char *state, const struct redisReply *reply)
{
    struct batch *b = arg;
    int64_t npanxx;
    for (size_t i = 1; i < reply_count(reply); i++) {
        if (num_parse(reply_span(reply, i), FIRST_BLOCK, FIRST_BLOCK + BLOCKS - 1, &npanxx) == 0)
            b->blocks[npanxx - FIRST_BLOCK].state =
                (uint8_t)(ctl_state_index(ctl_state_find(span_of(state))) + 1);
    }
}

struct batch *ctl_batch_open(struct ctl *c)
{
    struct batch *b = ctl_alloc(sizeof(*b));
    struct names states = {0};
    b->ctl = c;
    for (size_t i = 0; i < ctl_state_count(); i++)
        ctl_names_add(&states, ctl_state_at(i));
    bool good = ctl_each(c, &states, key_inventory, "inv_imported", NULL, mark_blocks, b);
    ctl_names_free(&states);
    if (good)
        return b;
    ctl_batch_free(b);
    return NULL;
}

/* ---- Gathering ---- */

static uint32_t hash_more(uint32_t hash, struct span s) /* FNV-1a */
{
    for (size_t i = 0; i < s.n; i++)
        hash = (hash ^ (unsigned char)s.p[i]) * 16777619U;
    return hash;
}

static uint32_t place_hash(const struct batch_number *number)
{
    uint32_t hash = hash_more(2166136261U, number->ratecenter);
    hash = hash_more(hash_more(hash, SPAN_LIT("|")), number->city);
    return hash ? hash : 1;
}

static uint32_t block_of(const char *digits)
{
    uint32_t npanxx = 0;
    for (int i = 0; i < BLOCK_DIGITS; i++)
        npanxx = npanxx * 10 + (uint32_t)(digits[i] - '0');
    return npanxx - FIRST_BLOCK;
}

static struct group *group_of(struct batch *b, uint32_t index, const struct batch_number *number)
{
    struct block *block = &b->blocks[index];
    if (block->group == 0) {
        b->groups[b->groups_n++] = (struct group){
            .block = index,
            .ratecenter = ctl_copy(number->ratecenter),
            .city = ctl_copy(number->city),
        };
        block->group = (uint32_t)b->groups_n;
    }
    return &b->groups[block->group - 1];
}

const char *ctl_batch_add(struct batch *b, const struct batch_number *number)
{
    uint32_t index = block_of(number->digits), place = place_hash(number);
    struct block *block = &b->blocks[index];
    uint8_t state = (uint8_t)(ctl_state_index(number->state) + 1);
    if (block->state != 0 && block->state != state)
        return "state: the block is in another state already";
    if (block->place != 0 && block->place != place)
        return "ratecenter, city: not those of the block's other numbers in this file";
    block->state = state;
    block->place = place;
    struct group *group = group_of(b, index, number);
    if (group->n + LINE_DIGITS > group->cap) {
        group->cap = group->cap ? group->cap * 2 : 64;
        group->lines = ctl_grow(group->lines, group->cap);
    }
    memcpy(group->lines + group->n, number->digits + BLOCK_DIGITS, LINE_DIGITS);
    group->n += LINE_DIGITS;
    b->rows++;
    return NULL;
}

bool ctl_batch_full(const struct batch *b)
{
    return b->rows >= MOST_ROWS || b->groups_n >= MOST_GROUPS;
}

/* ---- Sending ---- */

struct pipeline {
    struct cmd cmds[CALLS];
    size_t n;      /* commands, the last one may grow */
    size_t lines;  /* in all */
    size_t blocks; /* in the last one */
    uint8_t state; /* of the last one */
};

static bool take_replies(struct batch *b, struct redisReply *const *replies,
                         const struct pipeline *p)
{
    int64_t added = 0;
    for (size_t i = 0; i < p->n; i++) {
        int err = reply_check(replies[i]);
        if (err < 0) {
            ctl_explain(b->ctl, err, replies[i], NULL);
            return false;
        }
        added += reply_int(replies[i], 1, 0);
    }
    b->added += added;
    b->known += (int64_t)p->lines - added;
    return true;
}

static bool send_calls(struct batch *b, struct pipeline *p)
{
    struct redisReply *replies[CALLS] = {0};
    int err = redis_pipeline(b->ctl->redis, p->cmds, p->n, replies);
    bool good = err == ERR_OK && take_replies(b, replies, p);
    if (err < 0)
        ctl_explain(b->ctl, err, NULL, NULL);
    for (size_t i = 0; i < p->n; i++) {
        reply_free(replies[i]);
        cmd_free(&p->cmds[i]);
    }
    *p = (struct pipeline){0};
    return good;
}

/* The lines as a bitmap, up to its last byte that is not zero. */
static struct span bitmap_of(const struct group *group, char bits[static BITMAP])
{
    size_t n = 0;
    memset(bits, 0, BITMAP);
    for (const char *p = group->lines; p < group->lines + group->n; p += LINE_DIGITS) {
        size_t line = 0;
        for (int i = 0; i < LINE_DIGITS; i++)
            line = line * 10 + (size_t)(p[i] - '0');
        bits[line / 8] = (char)(bits[line / 8] | 0x80 >> line % 8);
        n = line / 8 >= n ? line / 8 + 1 : n;
    }
    return (struct span){bits, n};
}

static bool send_group(struct batch *b, struct pipeline *p, const struct group *group)
{
    char bits[BITMAP];
    uint8_t state = b->blocks[group->block].state;
    if (p->n == 0 || p->state != state || p->blocks == CALL_BLOCKS) {
        if (p->n == CALLS && !send_calls(b, p))
            return false;
        p->blocks = 0;
        p->state = state;
        cmd_fcall(&p->cmds[p->n++], "inv_import", key_inventory(ctl_state_at(state - 1U)).text);
    }
    struct cmd *cmd = &p->cmds[p->n - 1];
    cmd_int(cmd, FIRST_BLOCK + (int64_t)group->block);
    cmd_text(cmd, group->ratecenter);
    cmd_text(cmd, group->city);
    cmd_span(cmd, bitmap_of(group, bits));
    p->lines += group->n / LINE_DIGITS;
    p->blocks++;
    return true;
}

static void clear(struct batch *b)
{
    for (size_t i = 0; i < b->groups_n; i++) {
        struct group *group = &b->groups[i];
        b->blocks[group->block].group = 0;
        free(group->ratecenter);
        free(group->city);
        free(group->lines);
    }
    b->groups_n = b->rows = 0;
}

/* Groups of one state go in one call. */
static int by_state(const void *left, const void *right, void *arg)
{
    const struct block *blocks = arg;
    uint32_t one = ((const struct group *)left)->block,
             other = ((const struct group *)right)->block;
    if (blocks[one].state != blocks[other].state)
        return blocks[one].state < blocks[other].state ? -1 : 1;
    return (one > other) - (one < other);
}

bool ctl_batch_flush(struct batch *b)
{
    struct pipeline p = {0};
    bool good = true;
    qsort_r(b->groups, b->groups_n, sizeof(*b->groups), by_state, b->blocks);
    for (size_t i = 0; i < b->groups_n && good; i++)
        good = send_group(b, &p, &b->groups[i]);
    if (good && p.n > 0)
        good = send_calls(b, &p);
    clear(b);
    return good;
}

void ctl_batch_free(struct batch *b)
{
    if (!b)
        return;
    clear(b);
    free(b);
}

int64_t ctl_batch_added(const struct batch *b)
{
    return b->added;
}

int64_t ctl_batch_known(const struct batch *b)
{
    return b->known;
}
