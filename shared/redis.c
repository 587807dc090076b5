#include "redis.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdlib.h>

#include "clock.h"
#include "redis_lane.h"
#include "redis_target.h"
#include "redis_wire.h"

struct redis_pool {
    struct redis_target target;
    redis_observe_fn *observe;
    void *observe_arg;
    unsigned lane_n;
    struct redis_lane *lanes[];
};

int redis_open(struct redis_pool **ret, const struct redis_settings *settings)
{
    if (settings->connections == 0)
        return ERR_RANGE;
    struct redis_target target;
    int err = redis_target_set(settings, &target);
    if (err != ERR_OK)
        return err;
    struct redis_pool *p =
        calloc(1, sizeof(*p) + settings->connections * sizeof(struct redis_lane *));
    if (p == NULL)
        return ERR_NOMEM;
    p->target = target;
    p->observe = settings->observe;
    p->observe_arg = settings->observe_arg;
    while (err == ERR_OK && p->lane_n < settings->connections) {
        err = redis_lane_open(&p->lanes[p->lane_n], &p->target);
        p->lane_n += err == ERR_OK;
    }
    if (err != ERR_OK) {
        redis_close(p);
        return err;
    }
    *ret = p;
    return ERR_OK;
}

void redis_close(struct redis_pool *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->lane_n; i++)
        redis_lane_close(p->lanes[i]);
    explicit_bzero(p->target.password, sizeof(p->target.password));
    free(p);
}

/* The one with the fewest calls under way; of equals the first, so that they share. */
static struct redis_lane *choose(const struct redis_pool *p)
{
    struct redis_lane *best = p->lanes[0];
    for (unsigned i = 1; i < p->lane_n; i++) {
        if (redis_lane_load(p->lanes[i]) < redis_lane_load(best))
            best = p->lanes[i];
    }
    return best;
}

static int transact(struct redis_pool *p, const struct redis_wire *w, size_t n, redisReply **ret)
{
    struct redis_lane *lane = choose(p);
    bool unsent = false;
    int err = redis_lane_ask(lane, w, n, ret, &unsent);
    if (err == ERR_UNAVAILABLE && unsent)
        err = redis_lane_ask(lane, w, n, ret, &unsent);
    return err;
}

static int transact_observed(struct redis_pool *p, const struct redis_wire *w, size_t n,
                             redisReply **ret)
{
    int64_t began = p->observe != NULL ? clock_boot_us() : 0;
    int err = transact(p, w, n, ret);
    if (p->observe != NULL)
        p->observe(p->observe_arg, clock_boot_us() - began, err);
    return err;
}

int redis_pipeline(struct redis_pool *p, const struct cmd *cmds, size_t n, struct redisReply **ret)
{
    struct redis_wire w = {0};
    int err = ERR_OK;
    for (size_t i = 0; i < n; i++)
        ret[i] = NULL;
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        const struct cmd *c = &cmds[i];
        err =
            c->failed ? ERR_NOMEM : redis_wire_add(&w, c->n, (const char *const *)c->argv, c->lens);
    }
    if (err == ERR_OK && n > 0)
        err = transact_observed(p, &w, n, ret);
    redis_wire_free(&w);
    return err;
}

int redis_raw(struct redis_pool *p, const struct cmd *c, struct redisReply **ret)
{
    return redis_pipeline(p, c, 1, ret);
}

int redis_send(struct redis_pool *p, const struct cmd *c, struct redisReply **ret)
{
    int err = redis_raw(p, c, ret);
    return err == ERR_OK ? reply_check(*ret) : err;
}

static int send_texts(struct redis_pool *p, struct redisReply **ret, struct cmd *c, va_list args)
{
    const char *text;
    while ((text = va_arg(args, const char *)) != NULL)
        cmd_text(c, text);
    int err = redis_send(p, c, ret);
    cmd_free(c);
    return err;
}

int redis_fcall(struct redis_pool *p, struct redisReply **ret, const char *function,
                const char *key, ...)
{
    struct cmd c = {0};
    va_list args;
    cmd_fcall(&c, function, key);
    va_start(args, key);
    int err = send_texts(p, ret, &c, args);
    va_end(args);
    return err;
}

int redis_fcall_ro(struct redis_pool *p, struct redisReply **ret, const char *function,
                   const char *key, ...)
{
    struct cmd c = {0};
    va_list args;
    cmd_fcall_ro(&c, function, key);
    va_start(args, key);
    int err = send_texts(p, ret, &c, args);
    va_end(args);
    return err;
}
