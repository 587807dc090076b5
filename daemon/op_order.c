/* Orders of new numbers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "op_order.h"
#include "reply.h"
#include "stock.h"

enum { HOUR_MS = 3600000 };

/* The document's sample of gen_order has the key `status` twice: there it is the request's, and the
 * order's own goes by another name. */
void op_order_fields(struct op *op, const struct redisReply *r, const char *status_key)
{
    struct answer *a = op->answer;
    const char *category = reply_field(r, 2, "category"), *sessions = reply_field(r, 2, "sessions");
    static const char *const amounts[] = {"amount", "per_order_cost", "taxes", "other_charges",
                                          "discount"};
    answer_time(a, "date", strtoll(reply_field(r, 2, "created"), NULL, 10));
    for (size_t i = 0; i < sizeof(amounts) / sizeof(*amounts); i++)
        answer_money(a, amounts[i], strtoll(reply_field(r, 2, amounts[i]), NULL, 10));
    answer_text(a, "tg_id", reply_field(r, 2, "tg"));
    answer_text(a, "orderType", reply_field(r, 2, "order_type"));
    answer_text(a, "didCategory", strcmp(category, "tollfree") == 0 ? "TollFree" : "Landline");
    answer_text(a, "didType", reply_field(r, 2, "type"));
    answer_text(a, "sessions", *sessions ? sessions : "0");
    answer_text(a, status_key, reply_field(r, 2, "status"));
}

/* Reply of order_get: ok, pairs, field, value…, number, state… */
static int read_numbers(struct op *op, const struct redisReply *r, struct stock *ret)
{
    return stock_read(r, 2 + 2 * (size_t)reply_int(r, 1, 0), op->mem, ret);
}

static int show_order(struct op *op, const struct redisReply *r, const char *status_key)
{
    struct stock stock = {0};
    int err = read_numbers(op, r, &stock);
    op_order_fields(op, r, status_key);
    answer_list(op->answer, "numbers");
    for (size_t i = 0; i < stock.count; i++)
        answer_text(op->answer, NULL, stock.numbers[i].number);
    answer_close(op->answer);
    return err;
}

static int check_trunk(struct op *op)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(op->redis, &r, "trunk_list", op->account_key.text, "in",
                             op_text(op, "trunk_id"), NULL);
    if (err == ERR_REFUSED)
        err = answer_invalid(op->answer, "trunk_id", "no such trunk group");
    reply_free(r);
    return err;
}

static int refuse_cart(struct op *op, const char *detail)
{
    return answer_invalid(op->answer, "reserveId", detail);
}

/* Renews the holds of a cart: those of its first numbers may have run out while later ones came in.
 */
static int renew_cart(struct op *op, const char *owner, const char *life)
{
    struct redisReply *r = NULL;
    struct stock stock = {0};
    const char *const head[] = {owner, life, NULL};
    int err = redis_fcall_ro(op->redis, &r, "cart_get", op->account_key.text,
                             op_text(op, "reserveId"), NULL);
    if (err == ERR_REFUSED)
        err = refuse_cart(op, "no such cart, or it has expired");
    if (err == ERR_OK)
        err = stock_read(r, 3, op->mem, &stock);
    if (err == ERR_OK)
        err = stock_each(op->redis, &stock, "inv_hold", head, NULL);
    if (err == ERR_REFUSED && answer_result(op->answer) == ANSWER_OK)
        err = refuse_cart(op, "a number of the cart is no longer held");
    reply_free(r);
    return err;
}

static int create(struct op *op, const char *order, const char *life, struct redisReply **ret)
{
    int err = redis_fcall(op->redis, ret, "order_create", op->account_key.text, order,
                          op_text(op, "reserveId"), op_text(op, "trunk_id"), life, NULL);
    if (err != ERR_REFUSED)
        return err;
    if (strcmp(reply_word(*ret), "trunk") == 0)
        return answer_invalid(op->answer, "trunk_id", "no such trunk group");
    return refuse_cart(op, "no such cart, or it is empty or has expired");
}

/* The cart's hold becomes the order's. */
static int take_hold(struct op *op, const char *order, const char *cart_owner, const char *life,
                     const struct redisReply *created)
{
    struct stock stock = {0};
    const char *owner = stock_order_owner(op->mem, op->account, order);
    const char *const head[] = {cart_owner, owner, life, NULL}, *word = "";
    const struct saga saga = op_saga(op);
    int err = owner ? read_numbers(op, created, &stock) : ERR_NOMEM;
    if (err == ERR_OK)
        err = stock_each(op->redis, &stock, "inv_move", head, NULL);
    if (err != ERR_REFUSED)
        return err;
    err = saga_order_cancel(&saga, order, &word);
    return err == ERR_OK ? refuse_cart(op, "a number of the cart is no longer held") : err;
}

static int generate(struct op *op, const char *cart_owner, const char *life)
{
    struct redisReply *r = NULL;
    const char *order = NULL;
    int err = op_next(op, "order", OP_FIRST_ORDER, &order);
    if (err == ERR_OK)
        err = create(op, order, life, &r);
    if (err == ERR_OK)
        err = take_hold(op, order, cart_owner, life, r);
    if (err == ERR_OK) {
        answer_text(op->answer, "success", "Order Generated successfully.");
        answer_text(op->answer, "orderId", order);
        err = show_order(op, r, "orderStatus");
    }
    reply_free(r);
    return err;
}

int op_order_generate(struct op *op)
{
    const char *owner = stock_cart_owner(op->mem, op->account, op_text(op, "reserveId"));
    const char *life = scratch_printf(op->mem, "%" PRId64, op->policy.order_hold_hours * HOUR_MS);
    if (!owner || !life)
        return ERR_NOMEM;
    int err = check_trunk(op);
    if (err == ERR_OK)
        err = renew_cart(op, owner, life);
    return err == ERR_OK ? generate(op, owner, life) : err;
}

int op_order_process(struct op *op)
{
    struct saga saga = op_saga(op);
    enum saga_result result = SAGA_UNKNOWN;
    int err = saga_order(&saga, op_text(op, "orderId"), &result);
    if (err != ERR_OK)
        return err;
    switch (result) {
    case SAGA_DONE:
        answer_text(op->answer, "success", "Order Processed Successfully.");
        answer_text(op->answer, "orderId", op_text(op, "orderId"));
        return ERR_OK;
    case SAGA_INSUFFICIENT:
        return answer_refuse(op->answer, ANSWER_INSUFFICIENT_BALANCE, NULL);
    case SAGA_CANCELLED:
        return answer_invalid(op->answer, "orderId", "the order was cancelled or has expired");
    case SAGA_UNKNOWN:
        break;
    }
    return answer_invalid(op->answer, "orderId", "no such order");
}

/* An order of the list; one that is not there is left out. */
static int show_listed(struct op *op, const char *id)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(op->redis, &r, "order_get", op->account_key.text, id, NULL);
    if (err == ERR_OK) {
        answer_object(op->answer, NULL);
        answer_text(op->answer, "orderno", id);
        answer_text(op->answer, "accountno", op->account);
        err = show_order(op, r, "status");
        answer_close(op->answer);
    }
    reply_free(r);
    return err == ERR_REFUSED ? ERR_OK : err;
}

static int show_all(struct op *op)
{
    struct redisReply *ids = NULL;
    int err = redis_fcall_ro(op->redis, &ids, "order_list", op->account_key.text, NULL);
    if (err == ERR_OK) {
        struct op_page page = op_page(op, reply_count(ids) - 1, 0);
        answer_list(op->answer, "Orders");
        for (size_t i = page.from; i < page.to && err == ERR_OK; i++)
            err = show_listed(op, reply_text(ids, 1 + i));
        answer_close(op->answer);
    }
    reply_free(ids);
    return err;
}

int op_orders(struct op *op)
{
    if (!op_arg(op, "orderId")->set)
        return show_all(op);
    answer_list(op->answer, "Orders");
    int err = show_listed(op, op_text(op, "orderId"));
    answer_close(op->answer);
    return err;
}
