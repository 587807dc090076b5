#include "capture_file.h"

#include <stdlib.h>

#include "capture_disk.h"
#include "log.h"

enum { BATCH_MIB = 4, BATCH_MS = 200, PAUSE_MS = 5000, MIB = 1024 * 1024, ROOM = 256 };

static const int64_t HOUR_US = INT64_C(3600000000);

/* One is filled while the other is written. */
struct batch {
    struct capture_ring *messages;
    size_t bytes, n;
};

struct capture_file {
    uv_timer_t timer;
    uv_work_t work;
    struct batch batches[2], *filled, *written;
    bool busy, closing, complained;
    uint64_t paused_ms;       /* loop time up to which nothing is tried */
    size_t failed;            /* messages of the batch that the thread could not write */
    struct capture_disk disk; /* the thread's */
    struct capture_file_counts counts;
};

static void on_timer(uv_timer_t *timer);

/* ---- the thread ---- */

static void write_batch(uv_work_t *work)
{
    struct capture_file *f = work->data;
    struct capture_message m;
    uint64_t position = 0;
    size_t written = 0;
    while (capture_ring_next(f->written->messages, &position, &m) &&
           capture_disk_write(&f->disk, &m))
        written++;
    if (!capture_disk_flush(&f->disk))
        written = 0;
    f->failed = f->written->n - written;
}

/* ---- the loop ---- */

static void tell(struct capture_file *f)
{
    if (f->failed && !f->complained)
        log_error("capture.dir: %s: messages are not captured, calls go on", f->disk.error);
    else if (!f->failed && f->complained)
        log_info("capture.dir: messages are captured again");
    f->complained = f->failed > 0;
    if (f->failed)
        f->paused_ms = uv_now(f->timer.loop) + PAUSE_MS;
}

static void clear(struct batch *b)
{
    capture_ring_clear(b->messages);
    b->bytes = b->n = 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct capture_file *f = handle->data;
    capture_disk_close(&f->disk);
    for (size_t i = 0; i < 2; i++)
        capture_ring_free(f->batches[i].messages);
    free(f);
}

static void after_batch(uv_work_t *work, int status)
{
    struct capture_file *f = work->data;
    (void)status;
    f->busy = false;
    f->counts.written += f->written->n - f->failed;
    f->counts.dropped += f->failed;
    tell(f);
    clear(f->written);
    if (f->closing)
        capture_file_close(f);
}

static void submit(struct capture_file *f)
{
    struct batch *full = f->filled;
    if (f->busy || full->n == 0)
        return;
    if (uv_now(f->timer.loop) < f->paused_ms) {
        f->counts.dropped += full->n;
        clear(full);
        return;
    }
    f->filled = f->written;
    f->written = full;
    f->busy = uv_queue_work(f->timer.loop, &f->work, write_batch, after_batch) == 0;
}

static void on_timer(uv_timer_t *timer)
{
    submit(timer->data);
}

void capture_file_add(struct capture_file *f, const struct capture_message *m)
{
    struct batch *b = f->filled;
    size_t n = m->wire.bytes.n + ROOM;
    if (b->bytes + n > BATCH_MIB * MIB) {
        f->counts.dropped++; /* the disk is behind */
        return;
    }
    capture_ring_add(b->messages, m);
    b->bytes += n;
    b->n++;
    if (!uv_is_active((uv_handle_t *)&f->timer))
        uv_timer_start(&f->timer, on_timer, BATCH_MS, BATCH_MS);
    if (b->bytes > BATCH_MIB * MIB / 2)
        submit(f);
}

/* ---- life ---- */

static void set_node(struct capture_disk *d, const char *node)
{
    snprintf(d->node, sizeof d->node, "%s", node);
    for (char *p = d->node; *p; p++) {
        if (*p == '/')
            *p = '_';
    }
}

int capture_file_new(struct capture_file **ret, uv_loop_t *loop, const struct conf *conf,
                     const char *node)
{
    struct capture_file *f = calloc(1, sizeof *f);
    if (!f)
        return ERR_NOMEM;
    int err = ERR_OK;
    for (size_t i = 0; i < 2 && err == ERR_OK; i++)
        err = capture_ring_new(&f->batches[i].messages, BATCH_MIB * MIB);
    if (err != ERR_OK) {
        for (size_t i = 0; i < 2; i++)
            capture_ring_free(f->batches[i].messages);
        free(f);
        return err;
    }
    f->filled = &f->batches[0];
    f->written = &f->batches[1];
    f->disk.dir = conf->capture.dir;
    f->disk.file_max = (size_t)conf->capture.file_mib * MIB;
    f->disk.files = (size_t)conf->capture.files;
    f->disk.keep_us = conf->capture.file_hours * HOUR_US;
    set_node(&f->disk, node);
    uv_timer_init(loop, &f->timer);
    f->timer.data = f->work.data = f;
    *ret = f;
    return ERR_OK;
}

void capture_file_close(struct capture_file *f)
{
    if (!f)
        return;
    f->closing = true;
    uv_timer_stop(&f->timer);
    if (!f->busy)
        submit(f);
    if (!f->busy && !uv_is_closing((uv_handle_t *)&f->timer))
        uv_close((uv_handle_t *)&f->timer, on_closed);
}

struct capture_file_counts capture_file_counts(const struct capture_file *f)
{
    return f->counts;
}
