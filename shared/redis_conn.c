#include "redis_conn.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>

#include "clock.h"
#include "log.h"

int redis_conn_wait(const redisContext *ctx, short events, int64_t timeout_ms)
{
    int64_t deadline_ms = clock_boot_ms() + timeout_ms;
    for (;;) {
        int64_t left = deadline_ms - clock_boot_ms();
        struct pollfd fd = {ctx->fd, events, 0};
        int n = poll(&fd, 1, left > 0 ? (int)left : 0);
        if (n > 0)
            return ERR_OK;
        if (n == 0)
            return ERR_TIMEOUT;
        if (errno != EINTR)
            return ERR_SYSTEM;
    }
}

int redis_conn_write(const redisContext *ctx, const struct redis_wire *w, int64_t timeout_ms,
                     size_t *ret_written)
{
    *ret_written = 0;
    while (*ret_written < w->n) {
        ssize_t n =
            send(ctx->fd, w->p + *ret_written, w->n - *ret_written, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            *ret_written += (size_t)n;
            continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return ERR_UNAVAILABLE;
        int err = redis_conn_wait(ctx, POLLOUT, timeout_ms);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

int redis_conn_take(redisContext *ctx, redisReply **ret)
{
    void *reply = NULL;
    if (redisGetReplyFromReader(ctx, &reply) != REDIS_OK) {
        log_error("redis: malformed reply: %s", ctx->errstr);
        return ERR_PROTOCOL;
    }
    *ret = reply;
    return ERR_OK;
}

int redis_conn_read(redisContext *ctx, int64_t timeout_ms, redisReply **ret)
{
    for (;;) {
        redisReply *reply = NULL;
        int err = redis_conn_take(ctx, &reply);
        if (err == ERR_OK && reply != NULL)
            *ret = reply;
        if (err != ERR_OK || reply != NULL)
            return err;
        err = redis_conn_wait(ctx, POLLIN, timeout_ms);
        if (err != ERR_OK)
            return err;
        if (redisBufferRead(ctx) != REDIS_OK)
            return ERR_UNAVAILABLE;
    }
}

static int log_in(const struct redis_target *t, redisContext *ctx)
{
    struct cmd auth = {0};
    struct redis_wire w = {0};
    redisReply *reply = NULL;
    size_t written;
    int64_t timeout_ms = t->timeout_ms;
    redis_target_auth(t, &auth);
    int err = auth.failed ? ERR_NOMEM : ERR_OK;
    if (err != ERR_OK || auth.n == 0)
        goto out;
    err = redis_wire_add(&w, auth.n, (const char *const *)auth.argv, auth.lens);
    if (err == ERR_OK)
        err = redis_conn_write(ctx, &w, timeout_ms, &written);
    if (err == ERR_OK)
        err = redis_conn_read(ctx, timeout_ms, &reply);
    if (err == ERR_OK && raw_is_error(reply)) {
        log_error("redis %s: login refused: %s", t->name, raw_text(reply));
        err = ERR_UNAVAILABLE;
    }
out:
    reply_free(reply);
    redis_wire_free(&w);
    cmd_free(&auth);
    return err;
}

static redisContext *dial(const struct redis_target *t)
{
    struct timeval tv = {t->timeout_ms / 1000, (t->timeout_ms % 1000) * 1000};
    if (t->host[0] == '\0')
        return redisConnectUnixWithTimeout(t->path, tv);
    redisContext *ctx = redisConnectWithTimeout(t->host, t->port, tv);
    if (ctx != NULL && ctx->err == 0)
        redisEnableKeepAlive(ctx);
    return ctx;
}

int redis_conn_open(const struct redis_target *t, redisContext **ret)
{
    redisContext *ctx = dial(t);
    if (ctx == NULL)
        return ERR_NOMEM;
    if (ctx->err != 0 || log_in(t, ctx) != ERR_OK) {
        redisFree(ctx);
        return ERR_UNAVAILABLE;
    }
    *ret = ctx;
    return ERR_OK;
}
