#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

enum { PATH_BYTES = 400 };

struct spool {
    uv_loop_t *loop;
    int fd;
    int64_t size, most; /* bytes; size is the loop's, or its worker's while busy */
    char path[PATH_BYTES];
    bool busy, closed;
    /* What is under way. */
    uv_work_t work;
    char *bytes; /* NULL: empty the file */
    size_t n;
    spool_done_fn *fn;
    void *arg;
    /* Between the worker and who waits for it. */
    uv_mutex_t lock;
    uv_cond_t finished;
    bool running;
    int result, error; /* errno */
};

/* ---- the file ---- */

static int write_all(int fd, struct span bytes, int64_t at)
{
    while (bytes.n > 0) {
        ssize_t n = pwrite(fd, bytes.p, bytes.n, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYSTEM;
        bytes.p += n;
        bytes.n -= (size_t)n;
        at += n;
    }
    return ERR_OK;
}

/* All or nothing: what was written of lines that don't fit is cut off again. */
static int append(struct spool *s, struct span bytes)
{
    errno = EFBIG;
    int err = s->size + (int64_t)bytes.n > s->most ? ERR_SYSTEM : write_all(s->fd, bytes, s->size);
    if (err == ERR_OK && fdatasync(s->fd) != 0)
        err = ERR_SYSTEM;
    int error = errno;
    if (err == ERR_OK)
        s->size += (int64_t)bytes.n;
    else if (ftruncate(s->fd, s->size) != 0)
        log_error("spool %s: %s", s->path, strerror(errno));
    errno = error;
    return err;
}

static int clear(struct spool *s)
{
    if (ftruncate(s->fd, 0) != 0 || fdatasync(s->fd) != 0)
        return ERR_SYSTEM;
    s->size = 0;
    return ERR_OK;
}

static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd >= 0 && fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
    if (fd >= 0)
        close(fd);
    return err;
}

static int open_file(struct spool *s, const char *dir, char error[SPOOL_ERROR])
{
    struct stat st;
    (void)mkdir(dir, 0700); /* it mostly is there; what is wrong else, open tells */
    s->fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->fd < 0 || sync_folder(dir) != ERR_OK || fstat(s->fd, &st) != 0) {
        snprintf(error, SPOOL_ERROR, "spool %s: %s", s->path, strerror(errno));
        return ERR_SYSTEM;
    }
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(error, SPOOL_ERROR, "spool %s: another process has it; sip.node must be unique",
                 s->path);
        return ERR_EXISTS;
    }
    s->size = st.st_size;
    return ERR_OK;
}

/* ---- life ---- */

static void spool_free(struct spool *s)
{
    if (s->fd >= 0)
        close(s->fd);
    uv_cond_destroy(&s->finished);
    uv_mutex_destroy(&s->lock);
    free(s->bytes);
    free(s);
}

int spool_open(struct spool **ret, uv_loop_t *loop, const char *dir, const char *name, int64_t most,
               char error[SPOOL_ERROR])
{
    struct spool *s = calloc(1, sizeof *s);
    snprintf(error, SPOOL_ERROR, "%s", err_text(ERR_NOMEM));
    if (!s)
        return ERR_NOMEM;
    s->loop = loop;
    s->most = most;
    s->fd = -1;
    s->work.data = s;
    uv_mutex_init(&s->lock);
    uv_cond_init(&s->finished);
    int n = snprintf(s->path, sizeof s->path, "%s/%s.spool", dir, name);
    int err = n < 0 || n >= (int)sizeof s->path ? ERR_TOO_LARGE : open_file(s, dir, error);
    if (err != ERR_OK) {
        spool_free(s);
        return err;
    }
    *ret = s;
    return ERR_OK;
}

/* Who asked for a folder must have it; the preset is only what suits a packaged installation. */
int spool_choose(struct spool **ret, uv_loop_t *loop, const struct conf *conf, const char *name,
                 char error[SPOOL_ERROR])
{
    static const char without[] =
        "ANSWERS AND ENDS OF CALLS THAT REDIS CAN'T TAKE LIVE IN MEMORY ALONE, and are lost if "
        "this process is";
    const char *dir = conf->sip.spool_dir;
    *ret = NULL;
    if (!*dir) {
        log_warn("sip.spool_dir is empty: %s", without);
        return ERR_OK;
    }
    int err = spool_open(ret, loop, dir, name, conf->sip.spool_max, error);
    if (err != ERR_SYSTEM || strcmp(dir, CONF_SPOOL_DIR) != 0)
        return err;
    log_error("%s: %s; set sip.spool_dir to a folder on disk", error, without);
    return ERR_OK;
}

void spool_close(struct spool *s)
{
    if (!s)
        return;
    s->closed = true;
    (void)spool_wait(s);
    if (!s->busy)
        spool_free(s); /* else on_worked does, in the loop's last turns */
}

int spool_read(struct spool *s, spool_line_fn *fn, void *arg)
{
    int copy = dup(s->fd);
    FILE *f = copy >= 0 ? fdopen(copy, "r") : NULL;
    char *line = NULL;
    size_t cap = 0;
    int64_t whole = 0;
    ssize_t n;
    if (!f) {
        if (copy >= 0)
            close(copy);
        return ERR_SYSTEM;
    }
    rewind(f);
    while ((n = getline(&line, &cap, f)) > 0 && line[n - 1] == '\n') {
        fn(arg, (struct span){line, (size_t)n - 1});
        whole += n;
    }
    int err = ferror(f) ? ERR_SYSTEM : ERR_OK;
    free(line);
    fclose(f);
    if (err == ERR_OK && whole < s->size) {
        log_warn("spool %s: %lld bytes of a torn line cut off", s->path,
                 (long long)(s->size - whole));
        err = ftruncate(s->fd, whole) == 0 ? ERR_OK : ERR_SYSTEM;
        s->size = whole;
    }
    return err;
}

/* ---- work ---- */

static void work(uv_work_t *w)
{
    struct spool *s = w->data;
    int result = s->bytes ? append(s, (struct span){s->bytes, s->n}) : clear(s);
    int error = errno;
    uv_mutex_lock(&s->lock);
    s->result = result;
    s->error = error;
    s->running = false;
    uv_cond_signal(&s->finished);
    uv_mutex_unlock(&s->lock);
}

static void on_worked(uv_work_t *w, int status)
{
    struct spool *s = w->data;
    (void)status;
    s->busy = false;
    free(s->bytes);
    s->bytes = NULL;
    if (s->closed)
        spool_free(s);
    else
        s->fn(s->arg, s->result, s->result == ERR_OK ? "" : strerror(s->error));
}

static void start(struct spool *s, char *bytes, size_t n, spool_done_fn *fn, void *arg)
{
    s->busy = s->running = true;
    s->bytes = bytes;
    s->n = n;
    s->fn = fn;
    s->arg = arg;
    uv_queue_work(s->loop, &s->work, work, on_worked);
}

void spool_append(struct spool *s, char *bytes, size_t n, spool_done_fn *fn, void *arg)
{
    start(s, bytes, n, fn, arg);
}

void spool_clear(struct spool *s, spool_done_fn *fn, void *arg)
{
    start(s, NULL, 0, fn, arg);
}

bool spool_is_busy(const struct spool *s)
{
    return s->busy;
}

int spool_wait(struct spool *s)
{
    if (!s->busy)
        return ERR_OK;
    uv_mutex_lock(&s->lock);
    while (s->running)
        uv_cond_wait(&s->finished, &s->lock);
    int result = s->result;
    uv_mutex_unlock(&s->lock);
    return result;
}

int spool_append_now(struct spool *s, struct span bytes)
{
    (void)spool_wait(s);
    return append(s, bytes);
}

int64_t spool_size(const struct spool *s)
{
    return s->busy ? 1 : s->size;
}

const char *spool_path(const struct spool *s)
{
    return s->path;
}
