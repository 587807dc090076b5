/* Reservations: numbers are held in the inventory first and listed in the cart then, so that a
 * crash between the two leaves nothing but a hold that expires. */
#include <inttypes.h>
#include <stdio.h>

#include "op.h"
#include "phone.h"
#include "place.h"
#include "reply.h"
#include "stock.h"

enum { FIRST_CART = 100001, CART_ATTEMPTS = 3, CODE_DIGITS = 3 };

struct reservation {
    const char *category, *state; /* state "tf" for toll-free */
    const char *cart, *owner;
    const char **numbers; /* NULL: the first `count` that are free */
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
    if (!v->state)
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

static void add_numbers(struct cmd *c, const struct reservation *v, const char *state)
{
    for (size_t i = 0; i < v->count; i++) {
        cmd_text(c, v->numbers[i]);
        if (state)
            cmd_text(c, state);
    }
}

/* Reply of inv_lookup: ok, then known, rate centre and city of each number. */
enum { KNOWN = 1, CITY = 3, CELLS = 3 };

/* Numbers that the inventory does not know are left to the hold. */
static int check_city(struct op *op, const struct reservation *v)
{
    struct span city = span_of(op_text(op, "city"));
    struct redisReply *r = NULL;
    struct cmd c = {0};
    if (city.n == 0)
        return ERR_OK;
    cmd_fcall_ro(&c, "inv_lookup", key_inventory(v->state).text);
    add_numbers(&c, v, NULL);
    int err = redis_send(op->redis, &c, &r);
    for (size_t i = 0; err == ERR_OK && i < v->count; i++) {
        bool known = reply_span(r, KNOWN + CELLS * i).n > 0;
        if (known && !span_eq_nocase(reply_span(r, CITY + CELLS * i), city))
            err = answer_invalid(op->answer, "number", "outside of the city given");
    }
    cmd_free(&c);
    reply_free(r);
    return err;
}

/* Gives the open cart a fresh number only when there is none. */
static int cart_find(struct op *op, const char *category, struct redisReply **ret)
{
    const char *key = op->account_key.text, *fresh = NULL;
    int err = redis_fcall(op->redis, ret, "cart_open", key, category, "", NULL);
    if (err != ERR_REFUSED || strcmp(reply_word(*ret), "none") != 0)
        return err;
    reply_free(*ret);
    *ret = NULL;
    err = op_next(op, "cart", FIRST_CART, &fresh);
    return err == ERR_OK ? redis_fcall(op->redis, ret, "cart_open", key, category, fresh, NULL)
                         : err;
}

static int cart_open(struct op *op, struct reservation *v)
{
    struct redisReply *r = NULL;
    int err = cart_find(op, v->category, &r);
    if (err == ERR_OK) {
        v->cart = scratch_text(op->mem, reply_span(r, 1));
        v->owner = v->cart ? stock_cart_owner(op->mem, op->account, v->cart) : NULL;
        err = v->owner ? ERR_OK : ERR_NOMEM;
    }
    reply_free(r);
    return err;
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

/* Keeps the numbers that inv_take held: ok, expires, numbers… */
static int keep_taken(struct op *op, struct reservation *v, const struct redisReply *r)
{
    v->count = reply_count(r) - 2;
    v->expires_ms = reply_int(r, 1, 0);
    v->numbers = scratch_array(op->mem, v->count, sizeof(*v->numbers));
    for (size_t i = 0; v->numbers && i < v->count; i++) {
        v->numbers[i] = scratch_text(op->mem, reply_span(r, i + 2));
        if (!v->numbers[i])
            return ERR_NOMEM;
    }
    return v->numbers ? ERR_OK : ERR_NOMEM;
}

static int hold_first(struct op *op, struct reservation *v)
{
    bool tollfree = strcmp(v->state, "tf") == 0;
    struct redisReply *r = NULL;
    struct cmd c = {0};
    cmd_fcall(&c, "inv_take", key_inventory(v->state).text);
    cmd_text(&c, v->owner);
    cmd_int(&c, op->policy.hold_minutes * 60000);
    cmd_text(&c, op_text(op, tollfree ? "tfn_prefix" : "npanxx"));
    cmd_text(&c, tollfree ? "" : op_text(op, "city"));
    cmd_int(&c, op_number(op, "quantity", 1));
    int err = redis_send(op->redis, &c, &r);
    if (err == ERR_OK)
        err = keep_taken(op, v, r);
    else if (err == ERR_REFUSED)
        err = answer_refuse(op->answer, ANSWER_NO_NUMBERS, NULL);
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
    bool first = !v->numbers;
    int err = ERR_REFUSED;
    for (int attempt = 0; attempt < CART_ATTEMPTS; attempt++) {
        err = cart_open(op, v);
        if (err == ERR_OK)
            err = first ? hold_first(op, v) : hold(op, v);
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

/* A list as the document has it: one text with all of them. */
static void show_joined(struct op *op, const char *key, const char *const *numbers, size_t count)
{
    enum { ENTRY = PHONE_NANP_DIGITS + 3 };
    char *joined = scratch_alloc(op->mem, count * ENTRY + 1);
    char *end = joined;
    for (size_t i = 0; joined && i < count; i++)
        end += sprintf(end, "%s%s", i ? " , " : "", numbers[i]);
    answer_list(op->answer, key);
    answer_text(op->answer, NULL, joined);
    answer_close(op->answer);
}

static void show_list(struct op *op, const char *key, const char *const *numbers, size_t count)
{
    answer_list(op->answer, key);
    for (size_t i = 0; i < count; i++)
        answer_text(op->answer, NULL, numbers[i]);
    answer_close(op->answer);
}

static void show(struct op *op, const struct reservation *v)
{
    answer_text(op->answer, "reserveId", v->cart);
    show_joined(op, "TNs", v->numbers, v->count);
    show_list(op, "numbers", v->numbers, v->count);
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

/* Without a state the block says where it lies. */
static int find_state(struct op *op, struct reservation *v)
{
    const char *npanxx = op_text(op, "npanxx");
    if (op_arg(op, "state")->set || strcmp(op_text(op, "category"), "tollfree") == 0 || !*npanxx)
        return ERR_OK;
    const char *number = scratch_printf(op->mem, "%s0000", npanxx);
    struct place place;
    int err = number ? place_find(op->redis, op->mem, &number, 1, &place) : ERR_NOMEM;
    if (err == ERR_OK && !place.state)
        return answer_invalid(op->answer, "npanxx", "no such block here");
    if (err == ERR_OK)
        v->state = place.state;
    return err;
}

int op_bulk_reserve(struct op *op)
{
    struct reservation v = {0};
    int err = find_state(op, &v);
    if (err == ERR_OK)
        err = read_stock(op, &v);
    if (err == ERR_OK)
        err = op_place(op, "city");
    if (err == ERR_OK)
        err = reserve(op, &v);
    if (err == ERR_OK) {
        show(op, &v);
        answer_text(op->answer, "requested", op_text(op, "quantity"));
    }
    return err;
}

static int take_out(struct op *op, struct stock *ret)
{
    const struct arg *numbers = op_arg(op, "number");
    struct redisReply *r = NULL;
    struct cmd c = {0};
    cmd_fcall(&c, "cart_remove", op->account_key.text);
    cmd_text(&c, op_text(op, "reserveId"));
    for (size_t i = 0; i < numbers->count; i++)
        cmd_text(&c, numbers->items[i]);
    int err = redis_send(op->redis, &c, &r);
    if (err == ERR_OK)
        err = stock_read(r, 1, op->mem, ret);
    else if (err == ERR_REFUSED)
        err = answer_invalid(op->answer, "reserveId", "no such cart, or it has expired");
    cmd_free(&c);
    reply_free(r);
    return err;
}

static bool in_stock(const struct stock *s, const char *number)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->numbers[i].number, number) == 0)
            return true;
    }
    return false;
}

static int show_removed(struct op *op, const struct stock *removed)
{
    const struct arg *asked = op_arg(op, "number");
    const char **gone = scratch_array(op->mem, removed->count, sizeof(*gone));
    const char **absent = scratch_array(op->mem, asked->count, sizeof(*absent));
    size_t absent_n = 0;
    if (!gone || !absent)
        return ERR_NOMEM;
    for (size_t i = 0; i < removed->count; i++)
        gone[i] = removed->numbers[i].number;
    for (size_t i = 0; i < asked->count; i++) {
        if (!in_stock(removed, asked->items[i]))
            absent[absent_n++] = asked->items[i];
    }
    show_joined(op, "Removed TNs", gone, removed->count);
    show_joined(op, "TNs not available", absent, absent_n);
    show_list(op, "removed", gone, removed->count);
    show_list(op, "notAvailable", absent, absent_n);
    return ERR_OK;
}

/* Out of the cart first: after a crash in between a hold is left, which ends by itself. */
int op_cart_remove(struct op *op)
{
    struct stock removed = {0};
    const char *owner = stock_cart_owner(op->mem, op->account, op_text(op, "reserveId"));
    if (!owner)
        return ERR_NOMEM;
    const char *const head[] = {owner, NULL};
    int err = take_out(op, &removed);
    if (err == ERR_OK)
        err = stock_each(op->redis, &removed, "inv_release", head, NULL);
    return err == ERR_OK ? show_removed(op, &removed) : err;
}
