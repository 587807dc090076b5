#include "http_stream.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "http_watch.h"

enum { PIECE = 16384 };

struct http_frame {
    atomic_int users;
    char *text;
    size_t n;
};

struct http_stream {
    atomic_int users;
    pthread_mutex_t lock; /* what follows */
    struct http_frame *now, *next;
    size_t at; /* of now */
    struct http_receiver to;
    bool rests; /* its connection is suspended until there is something to send */
    bool ended, gone;
};

struct http_frame *http_frame_new(char *text, size_t n)
{
    struct http_frame *f = malloc(sizeof(*f));
    if (!f) {
        free(text);
        return NULL;
    }
    *f = (struct http_frame){.text = text, .n = n};
    atomic_init(&f->users, 1);
    return f;
}

void http_frame_drop(struct http_frame *f)
{
    if (!f || atomic_fetch_sub(&f->users, 1) > 1)
        return;
    free(f->text);
    free(f);
}

int http_stream_new(struct http_stream **ret)
{
    struct http_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    atomic_init(&s->users, 2);
    pthread_mutex_init(&s->lock, NULL);
    *ret = s;
    return ERR_OK;
}

void http_stream_drop(struct http_stream *s)
{
    if (!s || atomic_fetch_sub(&s->users, 1) > 1)
        return;
    http_frame_drop(s->now);
    http_frame_drop(s->next);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* With the lock. */
static void wake(struct http_stream *s)
{
    if (s->rests)
        MHD_resume_connection(s->to.connection);
    s->rests = false;
}

bool http_stream_put(struct http_stream *s, struct http_frame *f)
{
    pthread_mutex_lock(&s->lock);
    bool there = !s->gone && !s->ended;
    if (there) {
        http_frame_drop(s->next);
        atomic_fetch_add(&f->users, 1);
        s->next = f;
        wake(s);
    }
    pthread_mutex_unlock(&s->lock);
    return there;
}

void http_stream_end(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    wake(s);
    pthread_mutex_unlock(&s->lock);
}

/* Bytes copied; with the lock. */
static size_t take(struct http_stream *s, char *buf, size_t most)
{
    if (!s->now) {
        s->now = s->next;
        s->next = NULL;
        s->at = 0;
    }
    if (!s->now)
        return 0;
    size_t n = s->now->n - s->at;
    n = n < most ? n : most;
    memcpy(buf, s->now->text + s->at, n);
    s->at += n;
    if (s->at == s->now->n) {
        http_frame_drop(s->now);
        s->now = NULL;
    }
    return n;
}

/* Called when the client has taken what came before. */
static ssize_t on_room(void *arg, uint64_t at, char *buf, size_t most)
{
    (void)at;
    struct http_stream *s = arg;
    pthread_mutex_lock(&s->lock);
    ssize_t n = (ssize_t)take(s, buf, most);
    if (n == 0 && s->ended) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (n == 0) {
        s->rests = true;
        MHD_suspend_connection(s->to.connection);
    }
    pthread_mutex_unlock(&s->lock);
    http_watch_busy(s->to.watch, s->to.watched, clock_boot_ms() + s->to.patience_ms);
    return n;
}

void http_stream_leave(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->gone = true;
    s->rests = false;
    pthread_mutex_unlock(&s->lock);
    http_stream_drop(s);
}

static void on_end(void *arg)
{
    http_stream_leave(arg);
}

struct MHD_Response *http_stream_response(struct http_stream *s, const struct http_receiver *to)
{
    s->to = *to;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, on_room, s, on_end);
}
