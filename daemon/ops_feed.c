#include "ops_feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "ops_news.h"
#include "ops_print.h"
#include "ops_read.h"

/* News are taken several times a second. What was seen is kept for a while when nobody looks. */
enum { POLL_MS = 200, SECOND_MS = 1000, LINGER_MS = 300000, RECHECK_EVERY = 3 };

struct viewer {
    struct viewer *next;
    struct http_stream *stream;
    struct ops_pass pass;
    bool greeted;
};

struct ops_feed {
    struct service *service;
    struct redis_settings settings;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t wake;
    bool ended, stop;
    struct viewer *viewers;
    size_t viewer_n;
    /* Of the thread alone: */
    struct ops_board *board; /* NULL: nobody has looked for long */
    struct ops_news *news;
    int64_t turn, next_ms, seen_ms; /* when somebody looked */
};

/* ---- viewers ---- */

static void viewer_free(struct viewer *v)
{
    http_stream_end(v->stream);
    http_stream_drop(v->stream);
    free(v);
}

/* With the lock. */
static struct viewer **viewer_end(struct ops_feed *f, struct viewer **at)
{
    struct viewer *v = *at;
    *at = v->next;
    f->viewer_n--;
    viewer_free(v);
    return at;
}

/* Sends to those who have had a greeting, or to those who have not. */
static void tell(struct ops_feed *f, struct http_frame *frame, bool greeted)
{
    pthread_mutex_lock(&f->lock);
    for (struct viewer **at = &f->viewers; *at;) {
        struct viewer *v = *at;
        if (v->greeted != greeted) {
            at = &v->next;
            continue;
        }
        v->greeted = true;
        at = http_stream_put(v->stream, frame) ? &v->next : viewer_end(f, at);
    }
    pthread_mutex_unlock(&f->lock);
    http_frame_drop(frame);
}

static size_t most_trunks(const struct ops_feed *f)
{
    return (size_t)service_conf(f->service)->ops.trunks;
}

static void greet(struct ops_feed *f)
{
    pthread_mutex_lock(&f->lock);
    bool any = false;
    for (const struct viewer *v = f->viewers; v; v = v->next)
        any |= !v->greeted;
    pthread_mutex_unlock(&f->lock);
    struct http_frame *frame = any ? ops_print_greeting(f->board, most_trunks(f)) : NULL;
    if (frame)
        tell(f, frame, false);
}

/* Ends the streams of passes that are worth nothing any more. Redis is asked without the lock. */
static void recheck(struct ops_feed *f)
{
    enum { MOST = 1000 };
    struct ops_pass *passes = calloc(MOST, sizeof(*passes));
    size_t n = 0;
    pthread_mutex_lock(&f->lock);
    for (const struct viewer *v = f->viewers; passes && v && n < MOST; v = v->next)
        passes[n++] = v->pass;
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < n; i++) {
        int err = ops_session_recheck(service_redis(f->service), &passes[i]);
        if (err != ERR_REFUSED && err != ERR_NOT_FOUND)
            continue;
        pthread_mutex_lock(&f->lock);
        for (struct viewer **at = &f->viewers; *at;)
            at = strcmp((*at)->pass.hash, passes[i].hash) == 0 ? viewer_end(f, at) : &(*at)->next;
        pthread_mutex_unlock(&f->lock);
    }
    free(passes);
}

/* ---- the thread ---- */

static bool begin(struct ops_feed *f)
{
    f->board = ops_board_new();
    if (f->board && ops_news_open(&f->news, &f->settings) == ERR_OK) {
        f->turn = 0;
        return true;
    }
    ops_board_free(f->board);
    f->board = NULL;
    log_warn("ops page: out of memory");
    return false;
}

static void rest(struct ops_feed *f)
{
    ops_news_close(f->news);
    ops_board_free(f->board);
    f->news = NULL;
    f->board = NULL;
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the second brought. Without all of the news, what the books tell. */
static void add_point(struct ops_feed *f)
{
    struct ops_board *b = f->board;
    const struct ops_point *before = ops_board_before(b, 0);
    struct ops_point p = ops_board_sum(b);
    struct ops_counts counts;
    bool heard = ops_news_second(f->news, &counts);
    p.at_ms = wall_ms();
    double seconds = before ? (double)(p.at_ms - before->at_ms) / SECOND_MS : 1;
    seconds = seconds > 0.5 ? seconds : 0.5;
    if (heard) {
        p.rate = (double)counts.started / seconds;
        p.answered = (double)counts.answered / seconds;
        p.refused = (double)counts.refused / seconds;
    } else if (before && before->known && p.completed >= before->completed) {
        int64_t answered = p.completed - before->completed;
        p.answered = (double)answered / seconds;
        p.refused = (double)(p.processed - before->processed - answered) / seconds;
    }
    ops_board_part(b, OPS_CAUSES, ops_news_causes(f->news));
    ops_board_part(b, OPS_LATEST, ops_news_latest(f->news));
    ops_board_add(b, &p);
}

static void run_second(struct ops_feed *f)
{
    ops_news_tend(f->news);
    ops_news_poll(f->news);
    if (ops_read(f->board, f->service, f->turn) != ERR_OK)
        log_warn("ops page: out of memory");
    add_point(f);
    if (f->turn++ % RECHECK_EVERY == 0)
        recheck(f);
    struct http_frame *frame = ops_print_state(f->board, most_trunks(f));
    if (frame)
        tell(f, frame, true);
}

/* With viewers: takes the news, and once a second all else. */
static void run_tick(struct ops_feed *f)
{
    int64_t now = clock_boot_ms();
    if (!f->board && !begin(f))
        return;
    ops_news_poll(f->news);
    if (now >= f->next_ms) {
        f->next_ms = now - f->next_ms < SECOND_MS ? f->next_ms + SECOND_MS : now + SECOND_MS;
        run_second(f);
    }
    greet(f);
}

/* Until the next tick, or until somebody comes. True: go on. */
static bool wait_tick(struct ops_feed *f)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += POLL_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&f->lock);
    if (!f->stop && !f->board && !f->viewer_n)
        pthread_cond_wait(&f->wake, &f->lock);
    else if (!f->stop)
        pthread_cond_timedwait(&f->wake, &f->lock, &until);
    bool go = !f->stop;
    if (f->viewer_n)
        f->seen_ms = clock_boot_ms();
    pthread_mutex_unlock(&f->lock);
    return go;
}

static void *work(void *arg)
{
    struct ops_feed *f = arg;
    while (wait_tick(f)) {
        if (clock_boot_ms() - f->seen_ms < LINGER_MS)
            run_tick(f);
        else if (f->board)
            rest(f);
    }
    rest(f);
    return NULL;
}

/* ---- the doors ---- */

int ops_feed_open(struct ops_feed **ret, struct service *service,
                  const struct redis_settings *settings)
{
    struct ops_feed *f = calloc(1, sizeof(*f));
    if (!f)
        return ERR_NOMEM;
    f->service = service;
    f->settings = *settings; /* its texts are the caller's settings, which stay */
    f->seen_ms = clock_boot_ms() - LINGER_MS;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&f->lock, NULL);
    f->started = pthread_create(&f->thread, NULL, work, f) == 0;
    if (!f->started) {
        ops_feed_close(f);
        return ERR_SYSTEM;
    }
    *ret = f;
    return ERR_OK;
}

void ops_feed_end(struct ops_feed *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->ended = true;
    while (f->viewers)
        viewer_end(f, &f->viewers);
    pthread_mutex_unlock(&f->lock);
}

void ops_feed_close(struct ops_feed *f)
{
    if (!f)
        return;
    ops_feed_end(f);
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->started)
        pthread_join(f->thread, NULL);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

int ops_feed_watch(struct ops_feed *f, const struct ops_pass *pass, struct http_stream **ret)
{
    size_t most = (size_t)service_conf(f->service)->ops.viewers;
    struct viewer *v = calloc(1, sizeof(*v));
    int err = v ? http_stream_new(&v->stream) : ERR_NOMEM;
    if (err != ERR_OK) {
        free(v);
        return err;
    }
    v->pass = *pass;
    pthread_mutex_lock(&f->lock);
    err = f->ended ? ERR_UNAVAILABLE : f->viewer_n >= most ? ERR_RANGE : ERR_OK;
    if (err == ERR_OK) {
        v->next = f->viewers;
        f->viewers = v;
        f->viewer_n++;
        *ret = v->stream;
        pthread_cond_signal(&f->wake);
    }
    pthread_mutex_unlock(&f->lock);
    if (err != ERR_OK) {
        http_stream_drop(v->stream); /* the server's count */
        viewer_free(v);
    }
    return err;
}
