/* An account's numbers. */
#include "op.h"
#include "reply.h"

static int list(struct op *op, struct redisReply **ret)
{
    return redis_fcall_ro(op->redis, ret, "number_list", op->account_key.text,
                          op_text(op, "category"), op_text(op, "status"), op_text(op, "trunkId"),
                          op_text(op, "orderno"), "", NULL);
}

/* What the filters name must be the account's own. */
static int check_filters(struct op *op)
{
    struct redisReply *r = NULL;
    int err = ERR_OK;
    if (op_arg(op, "trunkId")->set)
        err = redis_fcall_ro(op->redis, &r, "trunk_list", op->account_key.text, "in",
                             op_text(op, "trunkId"), NULL);
    reply_free(r);
    if (err == ERR_REFUSED)
        return answer_invalid(op->answer, "trunkId", "no such trunk group");
    r = NULL;
    if (err == ERR_OK && op_arg(op, "orderno")->set)
        err = redis_fcall_ro(op->redis, &r, "order_get", op->account_key.text,
                             op_text(op, "orderno"), NULL);
    reply_free(r);
    r = NULL;
    if (err == ERR_REFUSED)
        err = redis_fcall_ro(op->redis, &r, "port_get", op->account_key.text,
                             op_text(op, "orderno"), NULL);
    reply_free(r);
    return err == ERR_REFUSED ? answer_invalid(op->answer, "orderno", "no such order") : err;
}

static size_t trunk_row(const struct table *trunks, const char *id)
{
    size_t row = 0;
    while (row < trunks->rows && strcmp(table_text(trunks, row, "id"), id) != 0)
        row++;
    return row;
}

/* A row past the end gives empty texts. */
static void show(struct op *op, const struct table *t, size_t row, const struct table *trunks)
{
    struct answer *a = op->answer;
    size_t trunk = trunk_row(trunks, table_text(t, row, "tg"));
    answer_object(a, NULL);
    answer_text(a, "didnumber", table_text(t, row, "number"));
    answer_text(a, "trunkGroup", table_text(trunks, trunk, "primary_host"));
    answer_text(a, "prefix1", table_text(trunks, trunk, "primary_prefix"));
    answer_text(a, "trunkGroup2", table_text(trunks, trunk, "secondary_host"));
    answer_text(a, "prefix2", table_text(trunks, trunk, "secondary_prefix"));
    answer_money(a, "didRate", table_int(t, row, "monthly", 0));
    answer_text(a, "didType", table_text(t, row, "type"));
    answer_text(a, "orderType", table_text(t, row, "order_type"));
    answer_text(a, "status", table_text(t, row, "status"));
    answer_text(a, "cnam", table_text(t, row, "cnam"));
    answer_text(a, "trunkId", table_text(t, row, "tg"));
    answer_text(a, "orderno", table_text(t, row, "order"));
    answer_text(a, "category", table_text(t, row, "category"));
    answer_close(a);
}

static void show_all(struct op *op, const struct table *t, const struct table *trunks)
{
    struct op_page page = op_page(op, t->rows, 0);
    answer_list(op->answer, "data");
    for (size_t row = page.from; row < page.to; row++)
        show(op, t, row, trunks);
    answer_close(op->answer);
}

int op_numbers(struct op *op)
{
    struct redisReply *numbers = NULL, *trunks = NULL;
    struct table t, trunk_table;
    int err = check_filters(op);
    if (err == ERR_OK)
        err = list(op, &numbers);
    if (err == ERR_OK)
        err = redis_fcall_ro(op->redis, &trunks, "trunk_list", op->account_key.text, "in", NULL);
    if (err == ERR_OK)
        err = table_open(numbers, 1, &t);
    if (err == ERR_OK)
        err = table_open(trunks, 1, &trunk_table);
    if (err == ERR_OK)
        show_all(op, &t, &trunk_table);
    reply_free(numbers);
    reply_free(trunks);
    return err;
}

/* Caller names travel in SIP headers: printable ASCII. */
static int check_cnam(struct op *op)
{
    for (const char *p = op_text(op, "cnam"); *p; p++) {
        if (*p < 0x20 || *p > 0x7e || *p == '|')
            return answer_invalid(op->answer, "cnam", "must be printable ASCII without '|'");
    }
    return ERR_OK;
}

static int update(struct op *op)
{
    const struct arg *numbers = op_arg(op, "number");
    struct redisReply *r = NULL;
    struct cmd c = {0};
    cmd_fcall(&c, "number_update", op->account_key.text);
    cmd_text(&c, op_text(op, "trunkId"));
    cmd_text(&c, op_text(op, "status"));
    cmd_text(&c, op_text(op, "cnam"));
    for (size_t i = 0; i < numbers->count; i++)
        cmd_text(&c, numbers->items[i]);
    int err = redis_send(op->redis, &c, &r);
    if (err == ERR_REFUSED && strcmp(reply_word(r), "trunk") == 0)
        err = answer_invalid(op->answer, "trunkId", "no such trunk group");
    else if (err == ERR_REFUSED)
        err = answer_invalid(
            op->answer, "number",
            scratch_printf(op->mem, "%s is cancelled or not yours", reply_text(r, 1)));
    cmd_free(&c);
    reply_free(r);
    return err;
}

/* Copies one number's record to did:N. */
static int copy_route(struct op *op, const struct table *t)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(op->redis, &r, "did_assign", key_did(table_text(t, 0, "number")).text,
                          op->account, table_text(t, 0, "tg"), table_text(t, 0, "status"),
                          table_text(t, 0, "cnam"), NULL);
    reply_free(r);
    return err == ERR_REFUSED ? ERR_PROTOCOL : err;
}

static int publish(struct op *op, const char *number)
{
    struct redisReply *r = NULL;
    struct table t;
    int err = redis_fcall_ro(op->redis, &r, "number_list", op->account_key.text, "", "", "", "",
                             number, NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    if (err == ERR_OK && t.rows > 0 && table_int(&t, 0, "status", 0) != 2)
        err = copy_route(op, &t);
    reply_free(r);
    return err;
}

int op_number_update(struct op *op)
{
    const struct arg *numbers = op_arg(op, "number");
    bool cancel = strcmp(op_text(op, "status"), "2") == 0;
    struct saga saga = op_saga(op);
    int err = check_cnam(op);
    if (err == ERR_OK)
        err = update(op);
    for (size_t i = 0; err == ERR_OK && i < numbers->count; i++)
        err = cancel ? saga_cancel(&saga, numbers->items[i]) : publish(op, numbers->items[i]);
    if (err == ERR_OK)
        answer_text(op->answer, "success", "Trunk successfully Updated.");
    return err;
}
