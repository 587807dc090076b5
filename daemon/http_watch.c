#include "http_watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"

enum { SCAN_MS = 250 };

struct http_watched {
    struct http_watched *prev, *next;
    int64_t deadline_ms;
    int fd;
    bool cut;
};

struct http_watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    struct http_watched head; /* ring */
};

static void cut_expired(struct http_watch *w)
{
    int64_t now = clock_boot_ms();
    for (struct http_watched *c = w->head.next; c != &w->head; c = c->next) {
        if (c->cut || now < c->deadline_ms)
            continue;
        c->cut = true;
        shutdown(c->fd, SHUT_RDWR);
    }
}

static void *watch_thread(void *arg)
{
    struct http_watch *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += SCAN_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&w->wake, &w->lock, &until);
        cut_expired(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void watch_free(struct http_watch *w)
{
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int http_watch_open(struct http_watch **ret)
{
    struct http_watch *w = calloc(1, sizeof(*w));
    if (!w)
        return ERR_NOMEM;
    w->head.next = w->head.prev = &w->head;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&w->lock, NULL);
    if (pthread_create(&w->thread, NULL, watch_thread, w) != 0) {
        watch_free(w);
        return ERR_SYSTEM;
    }
    *ret = w;
    return ERR_OK;
}

void http_watch_close(struct http_watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    watch_free(w);
}

struct http_watched *http_watch_add(struct http_watch *w, int fd, int64_t deadline_ms)
{
    struct http_watched *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->fd = fd;
    c->deadline_ms = deadline_ms;
    pthread_mutex_lock(&w->lock);
    c->next = &w->head;
    c->prev = w->head.prev;
    c->prev->next = c->next->prev = c;
    pthread_mutex_unlock(&w->lock);
    return c;
}

void http_watch_set(struct http_watch *w, struct http_watched *c, int64_t deadline_ms)
{
    if (!c)
        return;
    pthread_mutex_lock(&w->lock);
    c->deadline_ms = deadline_ms;
    pthread_mutex_unlock(&w->lock);
}

void http_watch_remove(struct http_watch *w, struct http_watched *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&w->lock);
    c->prev->next = c->next;
    c->next->prev = c->prev;
    pthread_mutex_unlock(&w->lock);
    free(c);
}
