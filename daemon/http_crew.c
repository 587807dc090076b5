#include "http_crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* A thread that rests. The one that came last is woken first: what it needs is still in the caches,
 * and no more threads run than there is work for. */
struct sleeper {
    struct sleeper *below;
    pthread_cond_t wake;
    struct http_task *task;
};

struct http_crew {
    pthread_mutex_t lock; /* what follows */
    bool stop;
    struct http_task *first, **last; /* that no thread has yet */
    struct sleeper *sleepers;        /* the latest on top */
    size_t thread_n;
    pthread_t threads[];
};

/* The next task; NULL: the end. */
static struct http_task *take(struct http_crew *c, struct sleeper *own)
{
    pthread_mutex_lock(&c->lock);
    struct http_task *task = c->first;
    if (task) {
        c->first = task->next;
        if (!c->first)
            c->last = &c->first;
    } else {
        own->task = NULL;
        own->below = c->sleepers;
        c->sleepers = own;
        while (!own->task && !c->stop)
            pthread_cond_wait(&own->wake, &c->lock);
        task = own->task;
    }
    pthread_mutex_unlock(&c->lock);
    return task;
}

static void *work(void *arg)
{
    struct http_crew *c = arg;
    struct sleeper own = {.wake = PTHREAD_COND_INITIALIZER};
    struct http_task *task;
    while ((task = take(c, &own)) != NULL)
        task->run(task);
    pthread_cond_destroy(&own.wake);
    return NULL;
}

int http_crew_open(struct http_crew **ret, size_t threads)
{
    struct http_crew *c = calloc(1, sizeof(*c) + threads * sizeof(pthread_t));
    if (!c)
        return ERR_NOMEM;
    pthread_mutex_init(&c->lock, NULL);
    c->last = &c->first;
    while (c->thread_n < threads) {
        if (pthread_create(&c->threads[c->thread_n], NULL, work, c) != 0) {
            http_crew_close(c);
            return ERR_SYSTEM;
        }
        c->thread_n++;
    }
    *ret = c;
    return ERR_OK;
}

void http_crew_close(struct http_crew *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    for (struct sleeper *s = c->sleepers; s; s = s->below)
        pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < c->thread_n; i++)
        pthread_join(c->threads[i], NULL);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void http_crew_add(struct http_crew *c, struct http_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&c->lock);
    struct sleeper *s = c->sleepers;
    if (s) {
        c->sleepers = s->below;
        s->task = task;
        pthread_cond_signal(&s->wake);
    } else {
        *c->last = task;
        c->last = &task->next;
    }
    pthread_mutex_unlock(&c->lock);
}
