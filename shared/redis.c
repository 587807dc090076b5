#include "redis.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "redis_conn.h"
#include "redis_target.h"
#include "redis_wire.h"

struct redis_pool {
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    unsigned permits; /* connections that may still be taken */
    struct redis_target target;
    redis_observe_fn *observe;
    void *observe_arg;
    size_t idle_n;
    redisContext *idle[]; /* last used on top, room for all */
};

int redis_open(struct redis_pool **ret, const struct redis_settings *settings)
{
    if (settings->connections == 0)
        return ERR_RANGE;
    struct redis_target target;
    int err = redis_target_set(settings, &target);
    if (err != ERR_OK)
        return err;
    struct redis_pool *p = calloc(1, sizeof(*p) + settings->connections * sizeof(redisContext *));
    if (p == NULL)
        return ERR_NOMEM;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->returned, NULL);
    p->permits = settings->connections;
    p->target = target;
    p->observe = settings->observe;
    p->observe_arg = settings->observe_arg;
    *ret = p;
    return ERR_OK;
}

void redis_close(struct redis_pool *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->idle_n; i++)
        redisFree(p->idle[i]);
    pthread_cond_destroy(&p->returned);
    pthread_mutex_destroy(&p->mutex);
    explicit_bzero(p->target.password, sizeof(p->target.password));
    free(p);
}

/* All or none of ret[] are set. */
static int read_all(struct redis_pool *p, redisContext *ctx, size_t n, redisReply **ret)
{
    for (size_t i = 0; i < n; i++) {
        redisReply *reply;
        int err = redis_conn_read(ctx, p->target.timeout_ms, &reply);
        if (err != ERR_OK) {
            while (i-- > 0) {
                reply_free(ret[i]);
                ret[i] = NULL;
            }
            return err;
        }
        ret[i] = reply;
    }
    return ERR_OK;
}

static struct timespec wait_end(int64_t ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t ns = ts.tv_nsec + ms % 1000 * 1000000;
    ts.tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
    ts.tv_nsec = (long)(ns % 1000000000);
    return ts;
}

/* Takes a permit and, if there is one, an idle connection; else *ret is NULL. */
static int take(struct redis_pool *p, redisContext **ret)
{
    struct timespec end = wait_end(p->target.timeout_ms);
    pthread_mutex_lock(&p->mutex);
    int rc = 0;
    while (p->permits == 0 && rc == 0)
        rc = pthread_cond_clockwait(&p->returned, &p->mutex, CLOCK_MONOTONIC, &end);
    bool got = p->permits > 0;
    redisContext *ctx = NULL;
    if (got) {
        p->permits--;
        ctx = p->idle_n > 0 ? p->idle[--p->idle_n] : NULL;
    }
    pthread_mutex_unlock(&p->mutex);
    if (!got)
        return ERR_UNAVAILABLE;
    /* An idle connection that can be read was closed by the server. */
    if (ctx != NULL && redis_conn_wait(ctx, POLLIN, 0) != ERR_TIMEOUT) {
        redisFree(ctx);
        ctx = NULL;
    }
    *ret = ctx;
    return ERR_OK;
}

/* Returns the permit; ctx is NULL when the connection is gone. */
static void give(struct redis_pool *p, redisContext *ctx)
{
    pthread_mutex_lock(&p->mutex);
    p->permits++;
    if (ctx != NULL)
        p->idle[p->idle_n++] = ctx;
    pthread_cond_signal(&p->returned);
    pthread_mutex_unlock(&p->mutex);
}

/* Writes the commands, on a new connection if the old one is dead. A command that was cut short
 * was not applied; of several, the first ones may have been. */
static int write_retrying(struct redis_pool *p, redisContext **ctx, const struct redis_wire *w,
                          size_t n)
{
    for (int attempt = 0;; attempt++) {
        int err = *ctx == NULL ? redis_conn_open(&p->target, ctx) : ERR_OK;
        if (err != ERR_OK)
            return err;
        size_t written;
        err = redis_conn_write(*ctx, w, p->target.timeout_ms, &written);
        bool safe = n == 1 || written == 0;
        if (err != ERR_UNAVAILABLE || attempt > 0 || !safe)
            return err;
        redisFree(*ctx);
        *ctx = NULL;
    }
}

static int transact(struct redis_pool *p, const struct redis_wire *w, size_t n, redisReply **ret)
{
    redisContext *ctx = NULL;
    int err = take(p, &ctx);
    if (err != ERR_OK)
        return err;
    err = write_retrying(p, &ctx, w, n);
    if (err == ERR_OK)
        err = read_all(p, ctx, n, ret);
    /* After a failure a late reply could be taken for the next command's. */
    if (err != ERR_OK && ctx != NULL) {
        redisFree(ctx);
        ctx = NULL;
    }
    give(p, ctx);
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
