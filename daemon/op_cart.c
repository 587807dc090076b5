/* Reservations: numbers are held in the inventory first and listed in the cart then, so that a
 * crash between the two leaves nothing but a hold that expires. */
#include <inttypes.h>
#include <stdio.h>

#include "op.h"
#include "phone.h"
#include "reply.h"
#include "stock.h"

enum { FIRST_CART = 100001, CART_ATTEMPTS = 3, CODE_DIGITS = 3, BLOCK_DIGITS = 6 };

struct reservation {
    const char *category, *state; /* state "tf" for toll-free */
    const char *cart, *owner;
    const char **numbers;
    size_t count;
    int64_t expires_ms;
};

/* Category and where its stock lies; state and toll-free code are required by category. */
static int read_stock(struct op *op, struct reservation *v)
{
    v->category = op_text(op, "category");
    if (strcmp(v->category, "tollfree") == 0) {
        v->state = "tf";
        const char *code = op_text(op, "tfn_prefix");
        if (!*code || !phone_tollfree(op->policy.tollfree_codes, code))
            return answer_invalid(op->answer, "tfn_prefix", "not a toll-free code in service");
        return ERR_OK;
    }
    v->state = op_text(op, "state");
    return *v->state ? ERR_OK : answer_invalid(op->answer, "state", "is required for landline");
}

/* Whether all numbers begin as the code or block that was given says. */
static int check_heads(struct op *op, const struct reservation *v)
{
    bool tollfree = strcmp(v->state, "tf") == 0;
    const char *head = op_text(op, tollfree ? "tfn_prefix" : "npanxx");
    for (size_t i = 0; i < v->count; i++) {
        if (strncmp(v->numbers[i], head, strlen(head)) != 0)
            return answer_invalid(op->answer, "number", "outside of the code or block given");
    }
    return ERR_OK;
}

/* Whether a number's block is known to lie in another city. Blocks without a free number are not
 * listed: for them the hold decides. */
static bool in_other_city(const struct table *blocks, const char *number, const char *city)
{
    for (size_t row = 0; row < blocks->rows; row++) {
        if (strncmp(table_text(blocks, row, "npanxx"), number, BLOCK_DIGITS) == 0)
            return !span_eq_nocase(span_of(table_text(blocks, row, "city")), span_of(city));
    }
    return false;
}

static int check_city(struct op *op, const struct reservation *v)
{
    const char *city = op_text(op, "city");
    struct redisReply *r = NULL;
    struct table blocks;
    if (!*city)
        return ERR_OK;
    int err =
        redis_fcall_ro(op->redis, &r, "inv_blocks", key_inventory(v->state).text, "", "", NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &blocks);
    for (size_t i = 0; err == ERR_OK && i < v->count; i++) {
        if (in_other_city(&blocks, v->numbers[i], city))
            err = answer_invalid(op->answer, "number", "outside of the city given");
    }
    reply_free(r);
    return err;
}

static int cart_open(struct op *op, struct reservation *v)
{
    struct redisReply *r = NULL;
    const char *fresh = NULL;
    int err = op_next(op, "cart", FIRST_CART, &fresh);
    if (err == ERR_OK)
        err =
            redis_fcall(op->redis, &r, "cart_open", op->account_key.text, v->category, fresh, NULL);
    if (err == ERR_OK) {
        v->cart = scratch_text(op->mem, reply_span(r, 1));
        v->owner = v->cart ? stock_cart_owner(op->mem, op->account, v->cart) : NULL;
        err = v->owner ? ERR_OK : ERR_NOMEM;
    }
    reply_free(r);
    return err;
}

static void add_numbers(struct cmd *c, const struct reservation *v, const char *state)
{
    for (size_t i = 0; i < v->count; i++) {
        cmd_text(c, v->numbers[i]);
        if (state)
            cmd_text(c, state);
    }
}

static int hold(struct op *op, struct reservation *v)
{
    struct redisReply *r = NULL;
    struct cmd c = {0};
    cmd_fcall(&c, "inv_hold", key_inventory(v->state).text);
    cmd_text(&c, v->owner);
    cmd_int(&c, op->policy.hold_minutes * 60000);
    add_numbers(&c, v, NULL);
    int err = redis_send(op->redis, &c, &r);
    if (err == ERR_OK)
        v->expires_ms = reply_int(r, 1, 0);
    if (err == ERR_REFUSED)
        err = answer_invalid(op->answer, "number",
                             scratch_printf(op->mem, "%s is not available", reply_text(r, 1)));
    cmd_free(&c);
    reply_free(r);
    return err;
}

static int release(struct op *op, const struct reservation *v)
{
    struct redisReply *r = NULL;
    struct cmd c = {0};
    cmd_fcall(&c, "inv_release", key_inventory(v->state).text);
    cmd_text(&c, v->owner);
    add_numbers(&c, v, NULL);
    int err = redis_send(op->redis, &c, &r);
    cmd_free(&c);
    reply_free(r);
    return err;
}

/* ERR_REFUSED: the cart became an order, or expired, in between. */
static int cart_add(struct op *op, const struct reservation *v)
{
    struct redisReply *r = NULL;
    struct cmd c = {0};
    cmd_fcall(&c, "cart_add", op->account_key.text);
    cmd_text(&c, v->cart);
    cmd_int(&c, v->expires_ms);
    add_numbers(&c, v, v->state);
    int err = redis_send(op->redis, &c, &r);
    cmd_free(&c);
    reply_free(r);
    return err;
}

static int reserve(struct op *op, struct reservation *v)
{
    int err = ERR_REFUSED;
    for (int attempt = 0; attempt < CART_ATTEMPTS; attempt++) {
        err = cart_open(op, v);
        if (err == ERR_OK)
            err = hold(op, v);
        if (err != ERR_OK)
            return err;
        err = cart_add(op, v);
        if (err != ERR_REFUSED)
            return err;
        err = release(op, v);
        if (err != ERR_OK)
            return err;
    }
    return ERR_UNAVAILABLE;
}

/* TNs is one text, as the document has it; numbers is a real list. */
static void show(struct op *op, const struct reservation *v)
{
    enum { ENTRY = PHONE_NANP_DIGITS + 3 };
    char *joined = scratch_alloc(op->mem, v->count * ENTRY + 1);
    char *end = joined;
    for (size_t i = 0; joined && i < v->count; i++)
        end += sprintf(end, "%s%s", i ? " , " : "", v->numbers[i]);
    answer_text(op->answer, "reserveId", v->cart);
    answer_list(op->answer, "TNs");
    answer_text(op->answer, NULL, joined);
    answer_close(op->answer);
    answer_list(op->answer, "numbers");
    for (size_t i = 0; i < v->count; i++)
        answer_text(op->answer, NULL, v->numbers[i]);
    answer_close(op->answer);
    answer_time(op->answer, "expires", v->expires_ms);
}

int op_reserve(struct op *op)
{
    const struct arg *numbers = op_arg(op, "number");
    struct reservation v = {.numbers = numbers->items, .count = numbers->count};
    int err = read_stock(op, &v);
    if (err == ERR_OK)
        err = op_place(op, "city");
    if (err == ERR_OK)
        err = check_heads(op, &v);
    if (err == ERR_OK)
        err = check_city(op, &v);
    if (err == ERR_OK)
        err = reserve(op, &v);
    if (err == ERR_OK)
        show(op, &v);
    return err;
}
