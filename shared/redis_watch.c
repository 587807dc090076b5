#include "redis_watch.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "redis_conn.h"
#include "redis_target.h"
#include "redis_wire.h"

enum { CHANNEL_MAX = 64 };

struct redis_watch {
    pthread_mutex_t mutex; /* all below but target and channel */
    struct redis_target target;
    char channel[CHANNEL_MAX];
    redisContext *ctx; /* NULL: not connected */
    bool lost;         /* since the last poll */
    bool asked;        /* a PING is under way */
    int64_t heard_ms;  /* the last byte that came */
};

int redis_watch_open(struct redis_watch **ret, const struct redis_settings *settings,
                     const char *channel)
{
    struct redis_watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return ERR_NOMEM;
    int err = redis_target_set(settings, &w->target);
    if (err == ERR_OK && !span_copy(span_of(channel), w->channel, sizeof(w->channel)))
        err = ERR_INVALID;
    if (err != ERR_OK) {
        free(w);
        return err;
    }
    pthread_mutex_init(&w->mutex, NULL);
    w->lost = true;
    *ret = w;
    return ERR_OK;
}

static void drop(struct redis_watch *w)
{
    if (w->ctx != NULL)
        redisFree(w->ctx);
    w->ctx = NULL;
    w->lost = true;
}

void redis_watch_close(struct redis_watch *w)
{
    if (w == NULL)
        return;
    drop(w);
    pthread_mutex_destroy(&w->mutex);
    explicit_bzero(w->target.password, sizeof(w->target.password));
    free(w);
}

static int write_words(redisContext *ctx, int64_t timeout_ms, size_t n, const char *const words[])
{
    struct redis_wire wire = {0};
    size_t written;
    int err = redis_wire_add(&wire, n, words, NULL);
    if (err == ERR_OK)
        err = redis_conn_write(ctx, &wire, timeout_ms, &written);
    redis_wire_free(&wire);
    return err;
}

/* Connected, and SUBSCRIBE confirmed: from now on each change is told. */
static int subscribe(const struct redis_watch *w, redisContext **ret)
{
    const char *const words[] = {"SUBSCRIBE", w->channel};
    struct redisReply *reply = NULL;
    int err = redis_conn_open(&w->target, ret);
    if (err != ERR_OK)
        return err;
    err = write_words(*ret, w->target.timeout_ms, 2, words);
    if (err == ERR_OK)
        err = redis_conn_read(*ret, w->target.timeout_ms, &reply);
    if (err == ERR_OK && raw_count(reply) != 3)
        err = ERR_PROTOCOL;
    reply_free(reply);
    if (err != ERR_OK)
        redisFree(*ret);
    return err;
}

static void connect_again(struct redis_watch *w)
{
    redisContext *ctx = NULL;
    int err = subscribe(w, &ctx);
    if (err != ERR_OK) {
        log_debug("redis %s: channel %s: %s", w->target.name, w->channel, err_text(err));
        return;
    }
    pthread_mutex_lock(&w->mutex);
    w->ctx = ctx;
    w->lost = true;
    w->asked = false;
    w->heard_ms = clock_boot_ms();
    pthread_mutex_unlock(&w->mutex);
}

/* A connection that does not answer is dead, whatever the kernel thinks of it. */
static void ask(struct redis_watch *w)
{
    static const char *const words[] = {"PING"};
    bool silent = clock_boot_ms() - w->heard_ms > 2 * w->target.timeout_ms;
    if (w->asked && silent) {
        log_warn("redis %s: channel %s: no sign of life", w->target.name, w->channel);
        drop(w);
    } else if (write_words(w->ctx, 0, 1, words) == ERR_OK) {
        w->asked = true;
    } else {
        drop(w);
    }
}

/* Messages are "message", channel, text; pongs are "pong", "". */
static void take(struct redis_watch *w, const struct redisReply *reply, redis_watch_fn *fn,
                 void *arg)
{
    if (raw_count(reply) == 3)
        fn(arg, raw_text(raw_at(reply, 2)));
    w->asked = false;
}

static int read_some(struct redis_watch *w, redis_watch_fn *fn, void *arg)
{
    if (redisBufferRead(w->ctx) != REDIS_OK)
        return ERR_UNAVAILABLE;
    w->heard_ms = clock_boot_ms();
    for (;;) {
        void *reply = NULL;
        if (redisGetReplyFromReader(w->ctx, &reply) != REDIS_OK)
            return ERR_PROTOCOL;
        if (reply == NULL)
            return ERR_OK;
        take(w, reply, fn, arg);
        reply_free(reply);
    }
}

bool redis_watch_poll(struct redis_watch *w, redis_watch_fn *fn, void *arg)
{
    pthread_mutex_lock(&w->mutex);
    int err = ERR_OK;
    while (w->ctx != NULL && err == ERR_OK) {
        err = redis_conn_wait(w->ctx, POLLIN, 0);
        if (err == ERR_OK)
            err = read_some(w, fn, arg);
        if (err != ERR_OK && err != ERR_TIMEOUT)
            drop(w);
    }
    if (w->lost)
        fn(arg, NULL);
    w->lost = false;
    bool connected = w->ctx != NULL;
    pthread_mutex_unlock(&w->mutex);
    return connected;
}

void redis_watch_tend(struct redis_watch *w, redis_watch_fn *fn, void *arg)
{
    bool connected = redis_watch_poll(w, fn, arg);
    if (!connected) {
        connect_again(w);
        return;
    }
    pthread_mutex_lock(&w->mutex);
    if (w->ctx != NULL)
        ask(w);
    pthread_mutex_unlock(&w->mutex);
}
