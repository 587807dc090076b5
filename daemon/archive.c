#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "num.h"

enum { ID = 48, NAME = ARCHIVE_NAME, FOLDER_MODE = 0750, FILE_MODE = 0640, POSITION_MAX = 65536 };

#define HEAD_FORM "trunkline-%s-archive 1\n"

/* A file that the batch adds to. */
struct part {
    struct part *next;
    char name[NAME];
    int64_t before; /* size; -1: it is new */
    FILE *text;     /* memory, see bytes */
    char *bytes;
    size_t n;
};

struct archive {
    const struct archive_kind *kind;
    char head[NAME];         /* first line of position */
    char dir[PATH_MAX];      /* DIR */
    char folder[PATH_MAX];   /* DIR/cdr/ACCT */
    char position[PATH_MAX]; /* cdr/ACCT/position */
    char account[ID];
    char last[ID], next[ID]; /* entry ids: settled; of the batch */
    struct part *parts;
};

/* ---- files ---- */

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYSTEM;
    int err = fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
    close(fd);
    return err;
}

static int make_folder(const char *path, const char *parent)
{
    if (mkdir(path, FOLDER_MODE) == 0)
        return sync_path(parent, O_RDONLY | O_DIRECTORY);
    return errno == EEXIST ? ERR_OK : ERR_SYSTEM;
}

static int join(char ret[PATH_MAX], const char *a, const char *b)
{
    int n = snprintf(ret, PATH_MAX, "%s/%s", a, b);
    return n > 0 && n < PATH_MAX ? ERR_OK : ERR_TOO_LARGE;
}

static int size_of(const char *path, int64_t *ret)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        *ret = st.st_size;
        return ERR_OK;
    }
    *ret = -1;
    return errno == ENOENT ? ERR_OK : ERR_SYSTEM;
}

/* Gives a file the size back that it had; -1: takes it away. */
static int cut_back(const struct archive *a, const char *name, int64_t size)
{
    char path[PATH_MAX];
    int64_t now;
    int err = join(path, a->folder, name);
    if (err == ERR_OK)
        err = size_of(path, &now);
    if (err != ERR_OK || now <= size)
        return err;
    if (size < 0)
        return unlink(path) == 0 ? ERR_OK : ERR_SYSTEM;
    return truncate(path, size) == 0 ? sync_path(path, O_WRONLY) : ERR_SYSTEM;
}

static int append(const struct archive *a, const struct part *p)
{
    char path[PATH_MAX];
    struct span rest = {p->bytes, p->n};
    int err = join(path, a->folder, p->name);
    int fd = err == ERR_OK ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE) : -1;
    if (fd < 0)
        return ERR_SYSTEM;
    while (rest.n > 0) {
        ssize_t n = write(fd, rest.p, rest.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        rest.p += n;
        rest.n -= (size_t)n;
    }
    err = rest.n == 0 && fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
    int why = errno;
    close(fd);
    errno = why;
    return err;
}

/* ---- position ---- */

static int write_position(const struct archive *a, const char *last, bool open_batch)
{
    char *bytes = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&bytes, &n);
    if (!f)
        return ERR_NOMEM;
    fprintf(f, "%slast %s\n", a->head, last);
    for (const struct part *p = a->parts; p && open_batch; p = p->next)
        fprintf(f, "undo %" PRId64 " %s\n", p->before, p->name);
    fputs("end\n", f);
    int err = fclose(f) == 0 ? file_store(a->dir, a->position, (struct span){bytes, n}) : ERR_NOMEM;
    free(bytes);
    return err;
}

static int undo_line(const struct archive *a, struct span line)
{
    struct span size;
    char name[NAME];
    int64_t before;
    if (!span_cut(&line, ' ', &size) || num_parse_signed(size, -1, INT64_MAX, &before) != ERR_OK ||
        !span_copy(line, name, sizeof(name)) || !*name || strchr(name, '/'))
        return ERR_INVALID;
    return cut_back(a, name, before);
}

/* Reads `position` and undoes a batch that it announces. */
static int read_position(struct archive *a, struct span text)
{
    struct span line, word;
    bool undone = false, whole = false;
    int err = ERR_OK;
    size_t head_n = strlen(a->head);
    if (text.n < head_n || memcmp(text.p, a->head, head_n) != 0)
        return ERR_INVALID;
    text.p += head_n;
    text.n -= head_n;
    while (err == ERR_OK && !whole && span_cut(&text, '\n', &line)) {
        whole = span_eq(line, SPAN_LIT("end"));
        if (whole || !span_cut(&line, ' ', &word))
            continue;
        if (span_eq(word, SPAN_LIT("last")))
            err = span_copy(line, a->last, sizeof(a->last)) ? ERR_OK : ERR_INVALID;
        else
            err = span_eq(word, SPAN_LIT("undo")) ? undo_line(a, line) : ERR_INVALID;
        undone |= span_eq(word, SPAN_LIT("undo"));
    }
    if (err == ERR_OK && !whole)
        err = ERR_INVALID;
    if (err == ERR_OK && undone)
        err = sync_path(a->folder, O_RDONLY | O_DIRECTORY);
    return err == ERR_OK && undone ? write_position(a, a->last, false) : err;
}

static int load_position(struct archive *a)
{
    char text[POSITION_MAX];
    struct file f;
    int err = file_open(a->dir, span_of(a->position), &f);
    if (err == ERR_NOT_FOUND)
        return write_position(a, "", false);
    if (err != ERR_OK)
        return err;
    ssize_t n = read(f.fd, text, sizeof(text));
    close(f.fd);
    return n < 0 ? ERR_SYSTEM : read_position(a, (struct span){text, (size_t)n});
}

/* ---- life ---- */

int archive_lock(const char *dir, const struct archive_kind *kind, int *ret_fd)
{
    char folder[PATH_MAX], path[PATH_MAX];
    int err = join(folder, dir, kind->folder);
    if (err == ERR_OK)
        err = join(path, folder, ".lock");
    if (err == ERR_OK && mkdir(dir, FOLDER_MODE) != 0 && errno != EEXIST)
        err = ERR_SYSTEM;
    if (err == ERR_OK)
        err = make_folder(folder, dir);
    int fd = err == ERR_OK ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE) : -1;
    if (fd < 0)
        return err == ERR_OK ? ERR_SYSTEM : err;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return ERR_EXISTS;
    }
    *ret_fd = fd;
    return ERR_OK;
}

void archive_unlock(int fd)
{
    close(fd);
}

/* No position but files: their entries would be written twice. */
static int make_new(struct archive *a, const char *parent)
{
    int64_t size;
    char path[PATH_MAX];
    int err = join(path, a->dir, a->position);
    if (err == ERR_OK)
        err = size_of(a->folder, &size);
    if (err != ERR_OK || size < 0)
        return err == ERR_OK ? make_folder(a->folder, parent) : err;
    err = size_of(path, &size);
    if (err == ERR_OK && size < 0 && rmdir(a->folder) != 0)
        return errno == ENOTEMPTY || errno == EEXIST ? ERR_INVALID : ERR_SYSTEM;
    return err == ERR_OK ? make_folder(a->folder, parent) : err;
}

int archive_open(struct archive **ret, const char *dir, const struct archive_kind *kind,
                 const char *account)
{
    char parent[PATH_MAX];
    struct archive *a = calloc(1, sizeof(*a));
    if (!a)
        return ERR_NOMEM;
    int err = ERR_INVALID;
    if (*account && *account != '.' && strlen(account) < ID && !strchr(account, '/'))
        err = join(parent, dir, kind->folder);
    if (err == ERR_OK) {
        a->kind = kind;
        snprintf(a->head, sizeof(a->head), HEAD_FORM, kind->folder);
        snprintf(a->dir, sizeof(a->dir), "%s", dir);
        snprintf(a->account, sizeof(a->account), "%s", account);
        snprintf(a->position, sizeof(a->position), "%s/%s/position", kind->folder, account);
        err = join(a->folder, parent, account);
    }
    if (err == ERR_OK)
        err = make_new(a, parent);
    if (err == ERR_OK)
        err = load_position(a);
    if (err != ERR_OK) {
        archive_close(a);
        return err;
    }
    *ret = a;
    return ERR_OK;
}

static void drop_batch(struct archive *a)
{
    while (a->parts) {
        struct part *next = a->parts->next;
        if (a->parts->text)
            fclose(a->parts->text);
        free(a->parts->bytes);
        free(a->parts);
        a->parts = next;
    }
}

void archive_close(struct archive *a)
{
    if (!a)
        return;
    int why = errno;
    drop_batch(a);
    free(a);
    errno = why;
}

const char *archive_last(const struct archive *a)
{
    return a->last;
}

/* ---- a batch ---- */

static int open_part(struct archive *a, const char *name, struct part **ret)
{
    char path[PATH_MAX];
    for (struct part *p = a->parts; p; p = p->next) {
        if (strcmp(p->name, name) == 0) {
            *ret = p;
            return ERR_OK;
        }
    }
    struct part *p = calloc(1, sizeof(*p));
    if (!p)
        return ERR_NOMEM;
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->text = open_memstream(&p->bytes, &p->n);
    int err = p->text ? join(path, a->folder, name) : ERR_NOMEM;
    if (err == ERR_OK)
        err = size_of(path, &p->before);
    p->next = a->parts;
    a->parts = p;
    if (err == ERR_OK && p->before <= 0)
        archive_csv_header(p->text, a->kind);
    *ret = p;
    return err;
}

int archive_add(struct archive *a, const struct table *t, size_t row)
{
    char name[NAME];
    struct part *p;
    a->kind->name(t, row, name);
    int err = open_part(a, name, &p);
    if (err != ERR_OK)
        return err;
    archive_csv_row(p->text, a->kind, a->account, t, row);
    snprintf(a->next, sizeof(a->next), "%s", table_text(t, row, "id"));
    return ferror(p->text) ? ERR_NOMEM : ERR_OK;
}

static int write_parts(struct archive *a)
{
    bool made = false;
    int err = ERR_OK;
    for (struct part *p = a->parts; p && err == ERR_OK; p = p->next) {
        err = append(a, p);
        made |= p->before < 0;
    }
    return err == ERR_OK && made ? sync_path(a->folder, O_RDONLY | O_DIRECTORY) : err;
}

static int flush_parts(struct archive *a)
{
    int err = ERR_OK;
    for (struct part *p = a->parts; p; p = p->next) {
        if (fclose(p->text) != 0)
            err = ERR_NOMEM;
        p->text = NULL;
    }
    return err;
}

int archive_commit(struct archive *a)
{
    if (!a->parts)
        return ERR_OK;
    int err = flush_parts(a);
    if (err == ERR_OK)
        err = write_position(a, a->last, true);
    if (err == ERR_OK)
        err = write_parts(a);
    if (err == ERR_OK)
        err = write_position(a, a->next, false);
    if (err == ERR_OK)
        memcpy(a->last, a->next, sizeof(a->last));
    int why = errno;
    drop_batch(a);
    errno = why; /* what a failure left is undone when the archive is opened again */
    return err;
}
