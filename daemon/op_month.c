/* Statistics by month. */
#include <stdio.h>

#include "op_stats.h"
#include "op_trunk.h"
#include "reply.h"

enum { MONTHS = 12 };

/* What a year has of one kind: a reply of stats_get for each month asked for. */
struct year {
    const char *kind; /* did, tg */
    int64_t number;
    int first; /* month, 1..12 */
    size_t n;  /* months */
    struct redisReply *replies[MONTHS];
    struct table tables[MONTHS];
};

static void prepare(const struct op *op, const struct year *y, int month, const struct table *ids,
                    const char *column, struct cmd *c)
{
    char text[32];
    snprintf(text, sizeof(text), "%04d-%02d", (int)y->number, month);
    cmd_fcall_ro(c, "stats_get", op->account_key.text);
    cmd_text(c, y->kind);
    cmd_text(c, text);
    for (size_t i = 0; i < ids->rows; i++)
        cmd_text(c, table_text(ids, i, column));
}

static int read_months(struct op *op, struct year *y, const struct table *ids, const char *column)
{
    struct cmd cmds[MONTHS] = {0};
    for (size_t i = 0; i < y->n; i++)
        prepare(op, y, y->first + (int)i, ids, column, &cmds[i]);
    int err = redis_pipeline(op->redis, cmds, y->n, y->replies);
    for (size_t i = 0; i < y->n; i++) {
        if (err == ERR_OK)
            err = reply_check(y->replies[i]);
        if (err == ERR_OK)
            err = table_open(y->replies[i], 1, &y->tables[i]);
        cmd_free(&cmds[i]);
    }
    return err;
}

/* A month without a call has no row. */
static bool has_calls(const struct table *t, size_t row)
{
    return table_int(t, row, "processed", 0) > 0;
}

static size_t count_rows(const struct year *y)
{
    size_t n = 0;
    for (size_t i = 0; i < y->n; i++) {
        for (size_t row = 0; row < y->tables[i].rows; row++)
            n += has_calls(&y->tables[i], row);
    }
    return n;
}

/* The document writes the month with a day of one digit. */
static void show_year(struct op *op, const struct year *y, struct op_page page)
{
    char text[32];
    size_t at = 0;
    answer_list(op->answer, "data");
    for (size_t i = 0; i < y->n; i++) {
        snprintf(text, sizeof(text), "%04d-%02d-1", (int)y->number, y->first + (int)i);
        for (size_t row = 0; row < y->tables[i].rows; row++) {
            if (!has_calls(&y->tables[i], row))
                continue;
            if (at >= page.from && at < page.to)
                op_stats_show(op, &y->tables[i], row, text, false);
            at++;
        }
    }
    answer_close(op->answer);
}

static int show_months(struct op *op, const char *kind, const struct redisReply *r,
                       const char *column)
{
    struct table ids;
    struct year y = {.kind = kind, .number = op_number(op, "year", 0)};
    y.first = (int)op_number(op, "month", 1);
    y.n = op_arg(op, "month")->set ? 1 : MONTHS;
    int err = table_open(r, 1, &ids);
    if (err == ERR_OK && ids.rows)
        err = read_months(op, &y, &ids, column);
    if (err == ERR_OK)
        show_year(op, &y, op_page(op, count_rows(&y), 0));
    for (size_t i = 0; i < MONTHS; i++)
        reply_free(y.replies[i]);
    return err;
}

int op_months(struct op *op)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(op->redis, &r, "number_list", op->account_key.text, NULL);
    if (err == ERR_OK)
        err = show_months(op, "did", r, "number");
    reply_free(r);
    return err;
}

int op_months_term(struct op *op)
{
    struct redisReply *r = NULL;
    int err = op_trunk_list(op, "out", NULL, &r);
    if (err == ERR_OK)
        err = show_months(op, "tg", r, "id");
    reply_free(r);
    return err;
}
