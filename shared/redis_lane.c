#include "redis_lane.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "redis_conn.h"

/* Of one thread, on its stack. */
struct call {
    struct call *next;
    size_t wanted, got;
    struct redisReply **replies;
    uint64_t from, to; /* its commands, as bytes of all that the connection was given */
    int err;
    bool done, unsent;
    unsigned woken; /* how often somebody wakes it: the thread outlives that */
    sem_t wake;
};

struct redis_lane {
    const struct redis_target *target;
    atomic_uint load;
    pthread_mutex_t lock;       /* what follows */
    redisContext *ctx;          /* NULL: not connected */
    struct redis_wire out;      /* to be written */
    struct redis_wire spare;    /* memory for what is to be written next */
    uint64_t added, written;    /* bytes of this connection */
    struct call *first, **last; /* in the order of their commands */
    bool writing, reading;      /* a thread does */
    int err;                    /* why the connection is at its end; ERR_OK: it isn't */
};

int redis_lane_open(struct redis_lane **ret, const struct redis_target *target)
{
    struct redis_lane *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return ERR_NOMEM;
    pthread_mutex_init(&l->lock, NULL);
    l->target = target;
    l->last = &l->first;
    *ret = l;
    return ERR_OK;
}

static void disconnect(struct redis_lane *l)
{
    if (l->ctx != NULL)
        redisFree(l->ctx);
    l->ctx = NULL;
    l->added = l->written = 0;
}

void redis_lane_close(struct redis_lane *l)
{
    if (l == NULL)
        return;
    disconnect(l);
    redis_wire_free(&l->out);
    redis_wire_free(&l->spare);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

unsigned redis_lane_load(const struct redis_lane *l)
{
    return atomic_load_explicit(&l->load, memory_order_relaxed);
}

static struct call *pop(struct redis_lane *l)
{
    struct call *c = l->first;
    l->first = c->next;
    if (l->first == NULL)
        l->last = &l->first;
    return c;
}

/* Under the lock; sem_post may follow after it. */
static struct call *wake_later(struct call *c)
{
    c->woken++;
    return c;
}

static void drop_replies(struct call *c)
{
    while (c->got > 0) {
        reply_free(c->replies[--c->got]);
        c->replies[c->got] = NULL;
    }
}

/* The connection ends as soon as nobody uses it; who does is cut off. */
static void fail(struct redis_lane *l, int err)
{
    if (l->err == ERR_OK)
        l->err = err;
    if (l->ctx != NULL)
        shutdown(l->ctx->fd, SHUT_RDWR);
}

/* Ends a failed connection, and all calls with it: a late reply could be taken for another's. A
 * single command that was cut short was not applied; of several, the first ones may have been. */
static void end_failed(struct redis_lane *l)
{
    if (l->err == ERR_OK || l->writing || l->reading)
        return;
    while (l->first != NULL) {
        struct call *c = pop(l);
        c->unsent = l->ctx != NULL && (c->wanted == 1 ? c->to : c->from + 1) > l->written;
        c->err = l->err;
        c->done = true;
        drop_replies(c);
        sem_post(&wake_later(c)->wake);
    }
    disconnect(l);
    redis_wire_clear(&l->out);
    l->err = ERR_OK;
}

static int connect_unlocked(struct redis_lane *l)
{
    redisContext *ctx = NULL;
    pthread_mutex_unlock(&l->lock);
    int err = redis_conn_open(l->target, &ctx);
    pthread_mutex_lock(&l->lock);
    l->ctx = ctx;
    return err;
}

/* All that there is at this moment. */
static int write_some(struct redis_lane *l)
{
    struct redis_wire w = l->out;
    size_t written = 0;
    l->out = l->spare;
    l->spare = (struct redis_wire){0};
    pthread_mutex_unlock(&l->lock);
    int err = redis_conn_write(l->ctx, &w, l->target->timeout_ms, &written);
    redis_wire_clear(&w);
    pthread_mutex_lock(&l->lock);
    l->spare = w;
    l->written += written;
    return err;
}

static void write_for_all(struct redis_lane *l)
{
    l->writing = true;
    if (redis_lane_load(l) > 1) { /* let those who are about to ask come along */
        pthread_mutex_unlock(&l->lock);
        sched_yield();
        pthread_mutex_lock(&l->lock);
    }
    int err = l->err;
    if (err == ERR_OK && l->ctx == NULL)
        err = connect_unlocked(l);
    while (err == ERR_OK && l->err == ERR_OK && l->out.n > 0)
        err = write_some(l);
    if (err != ERR_OK)
        fail(l, err);
    l->writing = false;
    end_failed(l);
}

/* Hands a reply out; returns the call that is over with it. A reply that nobody asked for breaks
 * the connection. */
static struct call *deliver(struct redis_lane *l, redisReply *reply)
{
    struct call *c = l->first;
    if (c == NULL) {
        reply_free(reply);
        fail(l, ERR_PROTOCOL);
        return NULL;
    }
    c->replies[c->got++] = reply;
    if (c->got < c->wanted)
        return NULL;
    c->done = true;
    return pop(l);
}

/* Until the own call is over and all that came with it is handed out. */
static void read_for_all(struct redis_lane *l, const struct call *own)
{
    l->reading = true;
    while (l->err == ERR_OK) {
        redisReply *reply = NULL;
        struct call *over = NULL;
        pthread_mutex_unlock(&l->lock);
        int err = redis_conn_take(l->ctx, &reply);
        if (err == ERR_OK && reply == NULL && !own->done)
            err = redis_conn_read(l->ctx, l->target->timeout_ms, &reply);
        pthread_mutex_lock(&l->lock);
        if (err != ERR_OK)
            fail(l, err);
        else if (reply == NULL)
            break;
        else
            over = deliver(l, reply);
        if (over == NULL || over == own)
            continue;
        wake_later(over);
        pthread_mutex_unlock(&l->lock);
        sem_post(&over->wake);
        pthread_mutex_lock(&l->lock);
    }
    l->reading = false;
    end_failed(l);
    if (l->first != NULL) /* the next to read */
        sem_post(&wake_later(l->first)->wake);
}

/* A connection that nobody waits for, and that can be read, was closed by the server. */
static void drop_stale(struct redis_lane *l)
{
    bool idle = l->ctx != NULL && l->first == NULL && !l->writing && !l->reading;
    if (idle && redis_conn_wait(l->ctx, POLLIN, 0) != ERR_TIMEOUT)
        disconnect(l);
}

static int add(struct redis_lane *l, const struct redis_wire *w, struct call *c)
{
    int err = redis_wire_append(&l->out, w);
    if (err != ERR_OK)
        return err;
    c->from = l->added;
    c->to = l->added += w->n;
    *l->last = c;
    l->last = &c->next;
    return ERR_OK;
}

/* Under the lock; returns when the call is over and nobody is about to wake it. */
static void see_through(struct redis_lane *l, struct call *c)
{
    unsigned seen = 0;
    if (!l->writing)
        write_for_all(l);
    while (!c->done || seen < c->woken) {
        if (!c->done && l->ctx != NULL && !l->reading && l->err == ERR_OK) {
            read_for_all(l, c);
            continue;
        }
        pthread_mutex_unlock(&l->lock);
        while (sem_wait(&c->wake) != 0) {
        } /* a signal came */
        seen++;
        pthread_mutex_lock(&l->lock);
    }
}

int redis_lane_ask(struct redis_lane *l, const struct redis_wire *w, size_t n,
                   struct redisReply **ret, bool *ret_unsent)
{
    struct call c = {.wanted = n, .replies = ret};
    sem_init(&c.wake, 0, 0);
    atomic_fetch_add_explicit(&l->load, 1, memory_order_relaxed);
    pthread_mutex_lock(&l->lock);
    drop_stale(l);
    int err = add(l, w, &c);
    if (err == ERR_OK)
        see_through(l, &c);
    pthread_mutex_unlock(&l->lock);
    atomic_fetch_sub_explicit(&l->load, 1, memory_order_relaxed);
    sem_destroy(&c.wake);
    *ret_unsent = c.unsent;
    return err == ERR_OK ? c.err : err;
}
