/* What is free: states, blocks, numbers. */
#include <inttypes.h>
#include <stdio.h>

#include "op.h"
#include "phone.h"
#include "region.h"
#include "reply.h"

enum { LINE_DIGITS = 4, BLOCK_DIGITS = 6, CODE_DIGITS = 3 };

static int add_states(struct op *op, struct redisReply **replies)
{
    int err = ERR_OK;
    answer_list(op->answer, "data");
    for (size_t i = 0; i < region_count && err == ERR_OK; i++) {
        err = reply_check(replies[i]);
        if (err == ERR_OK && reply_int(replies[i], 1, 0) > 0)
            answer_text(op->answer, NULL, region_codes[i]);
    }
    answer_close(op->answer);
    return err;
}

int op_states(struct op *op)
{
    struct cmd *cmds = scratch_array(op->mem, region_count, sizeof(*cmds));
    struct redisReply **replies = scratch_array(op->mem, region_count, sizeof(struct redisReply *));
    if (!cmds || !replies)
        return ERR_NOMEM;
    for (size_t i = 0; i < region_count; i++)
        cmd_fcall_ro(&cmds[i], "inv_count", key_inventory(region_codes[i]).text);
    int err = redis_pipeline(op->redis, cmds, region_count, replies);
    if (err == ERR_OK)
        err = add_states(op, replies);
    for (size_t i = 0; i < region_count; i++) {
        reply_free(replies[i]);
        cmd_free(&cmds[i]);
    }
    return err;
}

static void show_block(struct op *op, const struct table *t, size_t row)
{
    const char *npanxx = table_text(t, row, "npanxx");
    char npa[CODE_DIGITS + 1];
    snprintf(npa, sizeof(npa), "%.*s", CODE_DIGITS, npanxx);
    answer_object(op->answer, NULL);
    answer_text(op->answer, "NPANXX", npanxx);
    answer_text(op->answer, "NPA", npa);
    answer_text(op->answer, "RateCenter", table_text(t, row, "ratecenter"));
    answer_text(op->answer, "available", table_text(t, row, "free"));
    answer_close(op->answer);
}

int op_blocks(struct op *op)
{
    struct redisReply *r = NULL;
    struct table t;
    int err = redis_fcall_ro(op->redis, &r, "inv_blocks", key_inventory(op_text(op, "state")).text,
                             "", "", NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    if (err == ERR_OK) {
        struct op_page page = op_page(op, t.rows, 0);
        answer_list(op->answer, "data");
        for (size_t row = page.from; row < page.to; row++)
            show_block(op, &t, row);
        answer_close(op->answer);
    }
    reply_free(r);
    return err;
}

/* One free number of a block, as the document lists it. */
static void show_number(struct op *op, const char *block, const char *line, const char *ratecenter,
                        bool tollfree)
{
    char number[PHONE_NANP_DIGITS + 1];
    snprintf(number, sizeof(number), "%.6s%.4s", block, line);
    answer_object(op->answer, NULL);
    answer_text(op->answer, "TN", number);
    answer_text(op->answer, "statusid", "0");
    if (!tollfree) {
        answer_text(op->answer, "NPANXX", block);
        answer_text(op->answer, "RateCenter", ratecenter);
    }
    answer_text(op->answer, "category", tollfree ? "tollfree" : "landline");
    answer_close(op->answer);
}

/* Reply of inv_search: total, then npanxx, ratecenter, city, lines for each block. Returns how
 * many. */
static int64_t show_found(struct op *op, const struct redisReply *r, bool tollfree)
{
    int64_t shown = 0;
    for (size_t i = 2; i + 3 < reply_count(r); i += 4) {
        struct span lines = reply_span(r, i + 3);
        for (size_t at = 0; at + LINE_DIGITS <= lines.n; at += LINE_DIGITS, shown++)
            show_number(op, reply_text(r, i), lines.p + at, reply_text(r, i + 1), tollfree);
    }
    return shown;
}

struct search {
    const char *stock, *npanxx, *line, *ratecenter, *city;
    int64_t offset, limit;
};

static int run_search(struct op *op, const struct search *s, struct redisReply **ret)
{
    struct cmd c = {0};
    cmd_fcall_ro(&c, "inv_search", key_inventory(s->stock).text);
    cmd_text(&c, s->npanxx);
    cmd_text(&c, s->line);
    cmd_text(&c, s->ratecenter);
    cmd_text(&c, s->city);
    cmd_int(&c, s->offset);
    cmd_int(&c, s->limit);
    cmd_text(&c, op_paged(op) ? "" : "uncounted");
    int err = redis_send(op->redis, &c, ret);
    cmd_free(&c);
    return err;
}

/* NPANXXYYYY as block and line. False: it lies outside of the NPANXX that was given, too. */
static bool split_number(struct op *op, struct search *s)
{
    const char *number = op_text(op, "NPANXXYYYY");
    s->npanxx = op_text(op, "NPANXX");
    s->line = "";
    if (!*number)
        return true;
    const char *block = scratch_text(op->mem, (struct span){number, BLOCK_DIGITS});
    bool same = !*s->npanxx || strncmp(number, s->npanxx, BLOCK_DIGITS) == 0;
    s->line = number + BLOCK_DIGITS;
    s->npanxx = block ? block : s->npanxx;
    return same && block;
}

static int search_did(struct op *op, const struct search *s)
{
    struct redisReply *r = NULL;
    int err = run_search(op, s, &r);
    if (err == ERR_OK) {
        answer_list(op->answer, "DIDs");
        show_found(op, r, false);
        answer_close(op->answer);
        op_total(op, reply_int(r, 1, 0));
    }
    reply_free(r);
    return err;
}

int op_search_did(struct op *op)
{
    struct search s = {
        .stock = op_text(op, "state"),
        .ratecenter = op_text(op, "ratecenter"),
        .city = op_text(op, "city"),
        .offset = op_number(op, "offset", 0),
        .limit = op_number(op, "limit", op->policy.search_max),
    };
    int err = op_place(op, "ratecenter");
    if (err == ERR_OK)
        err = op_place(op, "city");
    if (err != ERR_OK)
        return err;
    if (split_number(op, &s))
        return search_did(op, &s);
    answer_list(op->answer, "DIDs");
    answer_close(op->answer);
    op_total(op, 0);
    return ERR_OK;
}

/* The free numbers of one toll-free block, skipping and counting down. */
static int show_tollfree_block(struct op *op, struct search *s)
{
    struct redisReply *r = NULL;
    int err = run_search(op, s, &r);
    if (err == ERR_OK) {
        s->limit -= show_found(op, r, true);
        s->offset = 0;
    }
    reply_free(r);
    return err;
}

/* The toll-free stock holds all codes: walks the blocks of one. */
static int search_tollfree(struct op *op, const struct table *blocks, struct search *s)
{
    int err = ERR_OK;
    int64_t total = 0;
    answer_list(op->answer, "TFNs");
    for (size_t row = 0; row < blocks->rows && err == ERR_OK; row++) {
        s->npanxx = table_text(blocks, row, "npanxx");
        int64_t available = table_int(blocks, row, "free", 0);
        if (strncmp(s->npanxx, op_text(op, "tfn_prefix"), CODE_DIGITS) != 0)
            continue;
        total += available;
        if (s->offset >= available)
            s->offset -= available;
        else if (s->limit > 0)
            err = show_tollfree_block(op, s);
    }
    answer_close(op->answer);
    op_total(op, total);
    return err;
}

int op_search_tfn(struct op *op)
{
    struct search s = {
        .stock = "tf",
        .line = "",
        .ratecenter = "",
        .city = "",
        .offset = op_number(op, "offset", 0),
        .limit = op_number(op, "limit", op->policy.search_max),
    };
    struct redisReply *r = NULL;
    struct table blocks;
    if (!phone_tollfree(op->policy.tollfree_codes, op_text(op, "tfn_prefix")))
        return answer_invalid(op->answer, "tfn_prefix", "not a toll-free code in service");
    int err =
        redis_fcall_ro(op->redis, &r, "inv_blocks", key_inventory(s.stock).text, "", "", NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &blocks);
    if (err == ERR_OK)
        err = search_tollfree(op, &blocks, &s);
    reply_free(r);
    return err;
}
