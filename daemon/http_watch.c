#include "http_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "http_peers.h"

enum { SCAN_MS = 250 };

struct http_watched {
    struct http_watched *prev, *next; /* of the ring of the idle, or of the others */
    struct http_peer *peer;
    int64_t deadline_ms;
    int fd;
    bool cut, crowded;
};

struct http_watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    struct http_peers *peers;
    size_t connections, per_address; /* limits */
    size_t open;                     /* connections that are not cut */
    struct http_watched idle;        /* ring, the one idle longest first */
    struct http_watched busy;        /* ring, and what is cut */
};

static void leave(struct http_watched *c)
{
    c->prev->next = c->next;
    c->next->prev = c->prev;
}

static void enter(struct http_watched *ring, struct http_watched *c)
{
    c->next = ring;
    c->prev = ring->prev;
    c->prev->next = c->next->prev = c;
}

static void cut(struct http_watch *w, struct http_watched *c)
{
    c->cut = true;
    w->open--;
    leave(c);
    enter(&w->busy, c);
    shutdown(c->fd, SHUT_RDWR);
}

static void cut_expired(struct http_watch *w, const struct http_watched *ring)
{
    int64_t now = clock_boot_ms();
    for (struct http_watched *c = ring->next, *next; c != ring; c = next) {
        next = c->next;
        if (!c->cut && now >= c->deadline_ms)
            cut(w, c);
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
        cut_expired(w, &w->idle);
        cut_expired(w, &w->busy);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void watch_free(struct http_watch *w)
{
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    http_peers_free(w->peers);
    free(w);
}

int http_watch_open(struct http_watch **ret, size_t connections, size_t per_address)
{
    struct http_watch *w = calloc(1, sizeof(*w));
    struct http_peers *peers = w ? http_peers_new() : NULL;
    if (!peers) {
        free(w);
        return ERR_NOMEM;
    }
    w->peers = peers;
    w->connections = connections;
    w->per_address = per_address;
    w->idle.next = w->idle.prev = &w->idle;
    w->busy.next = w->busy.prev = &w->busy;
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

struct http_watched *http_watch_add(struct http_watch *w, int fd, const struct sockaddr *from,
                                    int64_t deadline_ms)
{
    struct http_watched *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->fd = fd;
    c->deadline_ms = deadline_ms;
    pthread_mutex_lock(&w->lock);
    c->peer = http_peers_enter(w->peers, from);
    c->crowded = http_peer_count(c->peer) > w->per_address;
    if (w->open >= w->connections && w->idle.next != &w->idle)
        cut(w, w->idle.next);
    w->open++;
    enter(&w->idle, c);
    pthread_mutex_unlock(&w->lock);
    return c;
}

static void move(struct http_watch *w, struct http_watched *ring, struct http_watched *c,
                 int64_t deadline_ms)
{
    if (!c)
        return;
    pthread_mutex_lock(&w->lock);
    c->deadline_ms = deadline_ms;
    if (!c->cut) {
        leave(c);
        enter(ring, c);
    }
    pthread_mutex_unlock(&w->lock);
}

void http_watch_busy(struct http_watch *w, struct http_watched *c, int64_t deadline_ms)
{
    move(w, &w->busy, c, deadline_ms);
}

void http_watch_idle(struct http_watch *w, struct http_watched *c, int64_t deadline_ms)
{
    move(w, &w->idle, c, deadline_ms);
}

void http_watch_remove(struct http_watch *w, struct http_watched *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&w->lock);
    http_peers_leave(w->peers, c->peer);
    w->open -= !c->cut;
    leave(c);
    pthread_mutex_unlock(&w->lock);
    free(c);
}

bool http_watch_crowded(const struct http_watched *c)
{
    return c && c->crowded;
}
