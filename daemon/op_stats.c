/* Statistics of numbers and trunk groups. */
#include <inttypes.h>
#include <stdio.h>

#include "op_stats.h"
#include "reply.h"

enum { TEXT_MAX = 32, FILTERS = 4 }; /* FILTERS: of number_list, before the number */

/* Answered seconds per answered call, one decimal, half up. */
static void show_acd(struct answer *a, int64_t ms, int64_t completed)
{
    char text[TEXT_MAX];
    int64_t tenths = completed ? (ms + 50 * completed) / (100 * completed) : 0;
    snprintf(text, sizeof(text), "%" PRId64 ".%" PRId64, tenths / 10, tenths % 10);
    answer_text(a, "acd", text);
}

static void show_asr(struct answer *a, int64_t completed, int64_t processed)
{
    char text[TEXT_MAX];
    int64_t percent = processed ? (200 * completed + processed) / (2 * processed) : 0;
    snprintf(text, sizeof(text), "%" PRId64 "%%", percent);
    answer_text(a, "asr", text);
}

/* Minutes of billed seconds: up to two decimals, no trailing zeros. */
static void show_mou(struct answer *a, int64_t seconds)
{
    char text[TEXT_MAX];
    int64_t hundredths = (seconds * 10 + 3) / 6;
    int64_t whole = hundredths / 100, part = hundredths % 100;
    if (part == 0)
        snprintf(text, sizeof(text), "%" PRId64, whole);
    else if (part % 10 == 0)
        snprintf(text, sizeof(text), "%" PRId64 ".%" PRId64, whole, part / 10);
    else
        snprintf(text, sizeof(text), "%" PRId64 ".%02" PRId64, whole, part);
    answer_text(a, "mou", text);
}

void op_stats_show(struct op *op, const struct table *t, size_t row, const char *month, bool trunk)
{
    struct answer *a = op->answer;
    int64_t processed = table_int(t, row, "processed", 0);
    int64_t completed = table_int(t, row, "completed", 0);
    answer_object(a, NULL);
    answer_text(a, "accountno", op->account);
    answer_text(a, "number", table_text(t, row, "id"));
    if (month)
        answer_text(a, "month", month);
    answer_int(a, "processed", processed);
    answer_int(a, "completed", completed);
    show_acd(a, table_int(t, row, "ms", 0), completed);
    show_asr(a, completed, processed);
    show_mou(a, table_int(t, row, "billed", 0));
    answer_int(a, "peak", table_int(t, row, "peak", 0));
    if (trunk)
        answer_text(a, "tg_id", table_text(t, row, "id"));
    answer_close(a);
}

static int show(struct op *op, const char *kind, const struct redisReply *r)
{
    struct table t;
    int err = table_open(r, 1, &t);
    if (err != ERR_OK)
        return err;
    answer_list(op->answer, "data");
    for (size_t row = 0; row < t.rows; row++)
        op_stats_show(op, &t, row, NULL, strcmp(kind, "tg") == 0);
    answer_close(op->answer);
    return ERR_OK;
}

static bool has(const struct table *t, const char *column, const char *id)
{
    for (size_t row = 0; row < t->rows; row++) {
        if (strcmp(table_text(t, row, column), id) == 0)
            return true;
    }
    return false;
}

/* Whether all ids are in a table of the account's own; a refusal names `param`. */
static int check_owned(struct op *op, const struct redisReply *r, const char *column,
                       const char *param)
{
    const struct arg *ids = op_arg(op, param);
    struct table t;
    int err = table_open(r, 1, &t);
    for (size_t i = 0; err == ERR_OK && i < ids->count; i++) {
        if (!has(&t, column, ids->items[i]))
            err = answer_invalid(op->answer, param,
                                 scratch_printf(op->mem, "%s is not yours", ids->items[i]));
    }
    return err;
}

/* Asks for what is the account's own, by `own`, and for the statistics of `param` at once; frees
 * the command. */
static int stats_of(struct op *op, const char *kind, struct cmd *own, const char *column,
                    const char *param)
{
    enum { OWN, STATS, QUESTIONS };
    const struct arg *ids = op_arg(op, param);
    struct cmd cmds[QUESTIONS] = {*own, {0}};
    struct redisReply *r[QUESTIONS] = {0};
    cmd_fcall_ro(&cmds[STATS], "stats_get", op->account_key.text);
    cmd_text(&cmds[STATS], kind);
    cmd_text(&cmds[STATS], "");
    for (size_t i = 0; i < ids->count; i++)
        cmd_text(&cmds[STATS], ids->items[i]);
    int err = redis_pipeline(op->redis, cmds, QUESTIONS, r);
    for (size_t i = 0; i < QUESTIONS && err == ERR_OK; i++)
        err = reply_check(r[i]);
    if (err == ERR_OK)
        err = check_owned(op, r[OWN], column, param);
    if (err == ERR_OK)
        err = show(op, kind, r[STATS]);
    for (size_t i = 0; i < QUESTIONS; i++) {
        reply_free(r[i]);
        cmd_free(&cmds[i]);
    }
    return err;
}

int op_stats_did(struct op *op)
{
    const struct arg *numbers = op_arg(op, "number");
    struct cmd own = {0};
    cmd_fcall_ro(&own, "number_list", op->account_key.text);
    for (int i = 0; i < FILTERS; i++)
        cmd_text(&own, "");
    cmd_text(&own, numbers->count == 1 ? numbers->items[0] : "");
    return stats_of(op, "did", &own, "number", "number");
}

static int stats_of_trunks(struct op *op, const char *kind)
{
    struct cmd own = {0};
    cmd_fcall_ro(&own, "trunk_list", op->account_key.text);
    cmd_text(&own, kind);
    return stats_of(op, "tg", &own, "id", "tg_id");
}

int op_stats_trunk(struct op *op)
{
    return stats_of_trunks(op, "in");
}

int op_stats_term(struct op *op)
{
    return stats_of_trunks(op, "out");
}
