#include "saga.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "log.h"
#include "port_saga.h"
#include "reply.h"
#include "stock.h"

enum { ASSIGN_BATCH = 100 };

struct order {
    const char *id, *tg, *owner, *cart_owner;
    struct stock stock;
};

/* A function on the account whose only argument is the order. */
static int call_order(const struct saga *s, const char *function, const char *order,
                      struct redisReply **ret)
{
    return redis_fcall(s->redis, ret, function, key_account(s->account).text, order, NULL);
}

int saga_done(const struct saga *s, const char *kind, const char *id)
{
    struct redisReply *r = NULL;
    char name[64];
    snprintf(name, sizeof(name), "%s:%s", kind, id);
    int err = redis_fcall(s->redis, &r, "saga_done", key_account(s->account).text, name, NULL);
    reply_free(r);
    return err;
}

/* Reply of order_get: ok, pairs, field, value…, number, state… */
static int read_order(const struct saga *s, const char *id, struct order *ret)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(s->redis, &r, "order_get", key_account(s->account).text, id, NULL);
    if (err == ERR_OK) {
        struct order o = {.id = id};
        o.tg = scratch_text(s->mem, span_of(reply_field(r, 2, "tg")));
        o.owner = stock_order_owner(s->mem, s->account, id);
        o.cart_owner = stock_cart_owner(s->mem, s->account, reply_field(r, 2, "cart"));
        size_t pairs = (size_t)reply_int(r, 1, 0);
        err = o.tg && o.owner && o.cart_owner ? stock_read(r, 2 + 2 * pairs, s->mem, &o.stock)
                                              : ERR_NOMEM;
        if (err == ERR_OK)
            *ret = o;
    }
    reply_free(r);
    return err;
}

/* Moves the hold of all numbers to the order; ms 0: for good. ERR_REFUSED: a number is lost. */
static int hold(const struct saga *s, const struct order *o, int64_t ms)
{
    char life[24];
    snprintf(life, sizeof(life), "%" PRId64, ms);
    const char *const head[] = {o->cart_owner, o->owner, life, NULL};
    return stock_each(s->redis, &o->stock, "inv_move", head, NULL);
}

static int release(const struct saga *s, const struct order *o)
{
    const char *const by_order[] = {o->owner, NULL}, *const by_cart[] = {o->cart_owner, NULL};
    int err = stock_each(s->redis, &o->stock, "inv_release", by_order, NULL);
    return err == ERR_OK ? stock_each(s->redis, &o->stock, "inv_release", by_cart, NULL) : err;
}

/* Lets go what a run of an order held that came to nothing: an open order has its hold for a while
 * again, a cancelled one has none. */
static int let_go(const struct saga *s, const char *id)
{
    struct redisReply *r = NULL;
    struct order o;
    int err = redis_fcall_ro(s->redis, &r, "order_get", key_account(s->account).text, id, NULL);
    const char *step = err == ERR_OK ? reply_field(r, 2, "step") : "";
    bool open = strcmp(step, "open") == 0, cancelled = strcmp(step, "cancelled") == 0;
    reply_free(r);
    if (err == ERR_OK)
        err = read_order(s, id, &o);
    if (err == ERR_OK && open)
        err = hold(s, &o, s->hold_ms);
    if (err == ERR_OK && cancelled)
        err = release(s, &o);
    if (err == ERR_REFUSED) /* no such order; or a number is lost, and its order ends when paid */
        err = ERR_OK;
    return err == ERR_OK ? saga_done(s, "release", id) : err;
}

int saga_order_cancel(const struct saga *s, const char *id, const char **ret_word)
{
    struct redisReply *r = NULL;
    int err = call_order(s, "order_cancel", id, &r);
    if (err == ERR_REFUSED)
        *ret_word = strcmp(reply_word(r), "processed") == 0 ? "processed" : "notfound";
    reply_free(r);
    return err == ERR_OK ? let_go(s, id) : err;
}

/* A number is held no more. Either the hold ran out: the order ends and the rest is freed; or
 * another run of this saga has sold the numbers already: ERR_OK, go on. */
static int give_up(const struct saga *s, const struct order *o, enum saga_result *ret)
{
    struct redisReply *r = NULL;
    int err = call_order(s, "order_cancel", o->id, &r);
    bool processed = err == ERR_REFUSED && strcmp(reply_word(r), "processed") == 0;
    reply_free(r);
    if (processed)
        return ERR_OK;
    if (err == ERR_OK)
        err = let_go(s, o->id);
    *ret = SAGA_CANCELLED;
    return err == ERR_OK ? ERR_REFUSED : err;
}

/* ERR_REFUSED: *ret says how the saga ended. */
static int pay(const struct saga *s, const struct order *o, enum saga_result *ret)
{
    struct redisReply *r = NULL;
    int err = hold(s, o, 0);
    if (err == ERR_REFUSED)
        err = give_up(s, o, ret);
    if (err != ERR_OK)
        return err;
    err = call_order(s, "order_pay", o->id, &r);
    if (err == ERR_REFUSED) {
        bool insufficient = strcmp(reply_word(r), "insufficient") == 0;
        *ret = insufficient ? SAGA_INSUFFICIENT : SAGA_CANCELLED;
        int undo = let_go(s, o->id);
        err = undo == ERR_OK ? ERR_REFUSED : undo;
    }
    reply_free(r);
    return err;
}

static int check_assigned(const struct saga *s, const struct stock_number *n,
                          const struct redisReply *r)
{
    int err = reply_check(r);
    if (err != ERR_REFUSED)
        return err;
    log_error("number %s was sold to account %s but is in service for another", n->number,
              s->account);
    return ERR_PROTOCOL;
}

static int assign_batch(const struct saga *s, const struct stock_number numbers[], size_t count,
                        const char *tg)
{
    struct cmd cmds[ASSIGN_BATCH] = {0};
    struct redisReply *replies[ASSIGN_BATCH] = {0};
    for (size_t i = 0; i < count; i++) {
        cmd_fcall(&cmds[i], "did_assign", key_did(numbers[i].number).text);
        cmd_text(&cmds[i], s->account);
        cmd_text(&cmds[i], tg);
        cmd_text(&cmds[i], "1");
        cmd_text(&cmds[i], "");
    }
    int err = redis_pipeline(s->redis, cmds, count, replies);
    for (size_t i = 0; i < count; i++) {
        if (err == ERR_OK)
            err = check_assigned(s, &numbers[i], replies[i]);
        reply_free(replies[i]);
        cmd_free(&cmds[i]);
    }
    return err;
}

int saga_assign(const struct saga *s, const struct stock *stock, const char *tg)
{
    int err = ERR_OK;
    for (size_t from = 0; from < stock->count && err == ERR_OK; from += ASSIGN_BATCH) {
        size_t rest = stock->count - from;
        err = assign_batch(s, stock->numbers + from, rest < ASSIGN_BATCH ? rest : ASSIGN_BATCH, tg);
    }
    return err;
}

/* From paid to done. */
static int deliver(const struct saga *s, const struct order *o)
{
    struct redisReply *r = NULL;
    const char *const head[] = {o->owner, NULL};
    int err = stock_each(s->redis, &o->stock, "inv_sell", head, NULL);
    if (err == ERR_OK)
        err = saga_assign(s, &o->stock, o->tg);
    if (err == ERR_OK)
        err = call_order(s, "order_complete", o->id, &r);
    reply_free(r);
    return err;
}

enum step { STEP_STARTED, STEP_PAID, STEP_DONE };

/* ERR_REFUSED: *ret_result says why the order can't be processed. */
static int start(const struct saga *s, const char *id, enum step *ret_step,
                 enum saga_result *ret_result)
{
    struct redisReply *r = NULL;
    int err = call_order(s, "order_start", id, &r);
    const char *word = err == ERR_OK ? reply_text(r, 1) : reply_word(r);
    if (err == ERR_OK)
        *ret_step = strcmp(word, "done") == 0   ? STEP_DONE
                    : strcmp(word, "paid") == 0 ? STEP_PAID
                                                : STEP_STARTED;
    if (err == ERR_REFUSED)
        *ret_result = strcmp(word, "notfound") == 0       ? SAGA_UNKNOWN
                      : strcmp(word, "insufficient") == 0 ? SAGA_INSUFFICIENT
                                                          : SAGA_CANCELLED;
    reply_free(r);
    return err;
}

int saga_order(const struct saga *s, const char *id, enum saga_result *ret)
{
    enum saga_result result = SAGA_DONE;
    enum step step = STEP_STARTED;
    struct order o;
    int err = start(s, id, &step, &result);
    if (err == ERR_OK && step != STEP_DONE)
        err = read_order(s, id, &o);
    if (err == ERR_OK && step == STEP_STARTED)
        err = pay(s, &o, &result);
    if (err == ERR_OK && step != STEP_DONE)
        err = deliver(s, &o);
    if (err == ERR_OK)
        err = saga_done(s, "order", id);
    if (err == ERR_REFUSED && result != SAGA_DONE)
        err = ERR_OK;
    if (err == ERR_OK)
        *ret = result;
    return err;
}

struct cancelled {
    const char *state; /* where its stock lies; "": it is not cancelled (any more) */
    bool ported;       /* it came from another carrier, and goes back there */
};

static int read_cancelled(const struct saga *s, const char *number, struct cancelled *ret)
{
    struct redisReply *r = NULL;
    struct table t;
    struct cancelled c = {.state = ""};
    int err = redis_fcall_ro(s->redis, &r, "number_list", key_account(s->account).text, "", "", "",
                             "", number, NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    if (err == ERR_OK && t.rows > 0 && table_int(&t, 0, "status", 0) == 2) {
        c.state = scratch_text(s->mem, span_of(table_text(&t, 0, "state")));
        c.ported = strcmp(table_text(&t, 0, "order_type"), "Portin") == 0;
    }
    if (err == ERR_OK && !c.state)
        err = ERR_NOMEM;
    if (err == ERR_OK)
        *ret = c;
    reply_free(r);
    return err;
}

static int release_number(const struct saga *s, const char *number)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(s->redis, &r, "did_release", key_did(number).text, s->account, NULL);
    reply_free(r);
    return err == ERR_REFUSED ? ERR_OK : err; /* another account's by now */
}

int saga_cancel(const struct saga *s, const char *number)
{
    char rest[24];
    struct cancelled c = {.state = ""};
    snprintf(rest, sizeof(rest), "%" PRId64, s->quarantine_ms);
    int err = read_cancelled(s, number, &c);
    if (err == ERR_OK && *c.state) {
        struct stock_number one = {number, c.state};
        const struct stock stock = {&one, 1};
        const char *const head[] = {rest, NULL}, *const none[] = {NULL};
        err = release_number(s, number);
        if (err == ERR_OK)
            err = c.ported ? stock_each(s->redis, &stock, "inv_forget", none, NULL)
                           : stock_each(s->redis, &stock, "inv_quarantine", head, NULL);
    }
    return err == ERR_OK ? saga_done(s, "cancel", number) : err;
}

int saga_resume(const struct saga *s, const char *name)
{
    static const char order[] = "order:", cancel[] = "cancel:", port[] = "port:",
                      freed[] = "release:";
    enum saga_result result;
    if (strncmp(name, order, sizeof(order) - 1) == 0)
        return saga_order(s, name + sizeof(order) - 1, &result);
    if (strncmp(name, cancel, sizeof(cancel) - 1) == 0)
        return saga_cancel(s, name + sizeof(cancel) - 1);
    if (strncmp(name, port, sizeof(port) - 1) == 0)
        return port_saga_resume(s, name + sizeof(port) - 1);
    if (strncmp(name, freed, sizeof(freed) - 1) == 0)
        return let_go(s, name + sizeof(freed) - 1);
    return ERR_INVALID;
}
