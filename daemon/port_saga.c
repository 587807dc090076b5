#include "port_saga.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "reply.h"

static const char system_name[] = "System";

struct port {
    const char *id, *tg;
    char step[16];
    struct stock stock;
};

int port_saga_claim(const struct saga *s, const char *number, const char *order, int64_t ms)
{
    struct redisReply *r = NULL;
    char life[24];
    snprintf(life, sizeof(life), "%" PRId64, ms);
    int err = redis_fcall(s->redis, &r, "port_claim", key_port(number).text, s->account, order,
                          life, NULL);
    reply_free(r);
    return err;
}

int port_saga_drop(const struct saga *s, const char *number, const char *order)
{
    struct redisReply *r = NULL;
    int err =
        redis_fcall(s->redis, &r, "port_drop", key_port(number).text, s->account, order, NULL);
    reply_free(r);
    return err;
}

/* Reply of port_get: ok, pairs, field, value…, number, state… */
static int read_port(const struct saga *s, const char *id, struct port *ret)
{
    struct redisReply *r = NULL;
    struct port p = {.id = id};
    int err = redis_fcall_ro(s->redis, &r, "port_get", key_account(s->account).text, id, NULL);
    if (err == ERR_OK) {
        p.tg = scratch_text(s->mem, span_of(reply_field(r, 2, "tg")));
        snprintf(p.step, sizeof(p.step), "%s", reply_field(r, 2, "step"));
        err =
            p.tg ? stock_read(r, 2 + 2 * (size_t)reply_int(r, 1, 0), s->mem, &p.stock) : ERR_NOMEM;
    }
    if (err == ERR_OK)
        *ret = p;
    reply_free(r);
    return err;
}

static bool at(const struct port *p, const char *step)
{
    return strcmp(p->step, step) == 0;
}

/* The operator must look at it. */
static int except(const struct saga *s, const struct port *p, const char *reason,
                  const char *number)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(s->redis, &r, "port_move", key_account(s->account).text, p->id,
                          "EXCEPTION", system_name, reason, number, "", NULL);
    reply_free(r);
    return err;
}

/* The order is made: its claims don't end any more. One that another order took in between, after
 * a long stop of ours, makes this one an exception. */
static int settle(const struct saga *s, struct port *p)
{
    struct redisReply *r = NULL;
    int err = ERR_OK;
    for (size_t i = 0; i < p->stock.count && err == ERR_OK; i++) {
        const char *number = p->stock.numbers[i].number;
        err = port_saga_claim(s, number, p->id, 0);
        if (err == ERR_REFUSED)
            err = except(s, p, "DUPLICATE", number);
        if (err == ERR_REFUSED) /* it has moved on meanwhile */
            err = ERR_OK;
    }
    if (err == ERR_OK)
        err = redis_fcall(s->redis, &r, "port_settle", key_account(s->account).text, p->id, NULL);
    if (err == ERR_OK)
        snprintf(p->step, sizeof(p->step), "%s", reply_text(r, 1));
    reply_free(r);
    return err;
}

static int complete(const struct saga *s, struct port *p)
{
    struct redisReply *r = NULL;
    int err = saga_assign(s, &p->stock, p->tg);
    if (err == ERR_OK)
        err = redis_fcall(s->redis, &r, "port_complete", key_account(s->account).text, p->id,
                          system_name, NULL);
    if (err == ERR_OK)
        snprintf(p->step, sizeof(p->step), "done");
    reply_free(r);
    return err;
}

static int end(const struct saga *s, const struct port *p)
{
    int err = ERR_OK;
    for (size_t i = 0; i < p->stock.count && err == ERR_OK; i++)
        err = port_saga_drop(s, p->stock.numbers[i].number, p->id);
    return err == ERR_OK ? saga_done(s, "port", p->id) : err;
}

static int go_on(const struct saga *s, struct port *p)
{
    int err = ERR_OK;
    if (at(p, "created"))
        err = settle(s, p);
    if (err == ERR_OK && at(p, "switching"))
        err = complete(s, p);
    if (err == ERR_OK && (at(p, "done") || at(p, "cancelled")))
        err = end(s, p);
    return err;
}

int port_saga_resume(const struct saga *s, const char *order)
{
    struct port p;
    int err = read_port(s, order, &p);
    return err == ERR_OK ? go_on(s, &p) : err;
}

/* ERR_REFUSED: a number is in service here, so that it can't be let in. */
static int check_service(const struct saga *s, const struct port *p)
{
    for (size_t i = 0; i < p->stock.count; i++) {
        const char *number = p->stock.numbers[i].number;
        struct redisReply *r = NULL;
        int err = redis_fcall_ro(s->redis, &r, "did_route", key_did(number).text, NULL);
        reply_free(r);
        if (err == ERR_OK)
            err = except(s, p, "IN_SERVICE", number);
        else if (err == ERR_REFUSED)
            continue;
        return err == ERR_OK ? ERR_REFUSED : err;
    }
    return ERR_OK;
}

/* An inventory that has a number, too, must not sell it. ERR_REFUSED: it is about to. */
static int keep_from_sale(const struct saga *s, const struct port *p)
{
    const char *const head[] = {NULL};
    int err = stock_each(s->redis, &p->stock, "inv_keep", head, NULL);
    if (err != ERR_REFUSED)
        return err;
    err = except(s, p, "IN_SERVICE", "a number is on hold in our own inventory");
    return err == ERR_OK ? ERR_REFUSED : err;
}

static int begin(const struct saga *s, struct port *p, const char *by, bool now,
                 enum port_switch *ret)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(s->redis, &r, "port_switch", key_account(s->account).text, p->id, by,
                          now ? "now" : "", NULL);
    if (err == ERR_OK)
        snprintf(p->step, sizeof(p->step), "%s", reply_text(r, 1));
    else if (err == ERR_REFUSED)
        *ret = strcmp(reply_word(r), "early") == 0 ? PORT_EARLY : PORT_NO_FOC;
    reply_free(r);
    return err;
}

int port_saga_switch(const struct saga *s, const char *order, const char *by, bool now,
                     enum port_switch *ret)
{
    struct port p = {0};
    *ret = PORT_NO_FOC;
    int err = read_port(s, order, &p);
    if (err == ERR_OK && at(&p, "created"))
        err = settle(s, &p);
    if (err == ERR_OK && at(&p, "open")) {
        *ret = PORT_IN_SERVICE;
        err = check_service(s, &p);
        if (err == ERR_OK)
            err = keep_from_sale(s, &p);
    }
    if (err == ERR_OK)
        err = begin(s, &p, by, now, ret);
    if (err == ERR_OK)
        err = go_on(s, &p);
    if (err == ERR_OK)
        *ret = PORT_SWITCHED;
    return err == ERR_REFUSED ? ERR_OK : err;
}
