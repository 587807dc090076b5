#include "ctl_csv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"

enum { BUFFER = 256 * 1024 };

struct csv {
    int fd;
    bool end;         /* of the file */
    size_t at, limit; /* unread part of buffer */
    size_t columns;
    off_t size, passed; /* of the file; of it the part before the buffer. size 0: not known */
    unsigned long line;
    const char *reason;
    char buffer[BUFFER];
};

/* ---- Lines ---- */

/* Moves the unread part to the front and reads more. False: nothing more, or an error (errno). */
static bool fill(struct csv *c)
{
    memmove(c->buffer, c->buffer + c->at, c->limit - c->at);
    c->passed += (off_t)c->at;
    c->limit -= c->at;
    c->at = 0;
    ssize_t n;
    do
        n = read(c->fd, c->buffer + c->limit, BUFFER - c->limit);
    while (n < 0 && errno == EINTR);
    c->end = n == 0;
    c->limit += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Drops the rest of a line that is too long. */
static enum csv_result skip_line(struct csv *c)
{
    for (;;) {
        char *newline = memchr(c->buffer + c->at, '\n', c->limit - c->at);
        if (newline) {
            c->at = (size_t)(newline - c->buffer) + 1;
            break;
        }
        c->at = c->limit;
        if (!fill(c)) {
            if (!c->end)
                return CSV_FAILED;
            break;
        }
    }
    c->reason = "line is too long";
    return CSV_BAD;
}

/* Next line without its line break, to be changed in place. */
static enum csv_result read_line(struct csv *c, char **ret, size_t *ret_n)
{
    char *start = c->buffer + c->at, *newline;
    while (!(newline = memchr(start, '\n', c->limit - c->at))) {
        if (c->limit - c->at > CSV_LINE)
            break;
        if (!fill(c)) {
            if (!c->end)
                return CSV_FAILED;
            if (c->at == c->limit)
                return CSV_END;
            newline = c->buffer + c->limit;
            start = c->buffer + c->at;
            break;
        }
        start = c->buffer;
    }
    c->line++;
    if (!newline || newline - start > CSV_LINE)
        return skip_line(c);
    size_t n = (size_t)(newline - start);
    c->at += n + (c->at + n < c->limit);
    *ret = start;
    *ret_n = n > 0 && start[n - 1] == '\r' ? n - 1 : n;
    return CSV_ROW;
}

/* ---- Fields ---- */

/* Takes one field off p..end, unquoted in place. Returns where the next begins, end + 1 after the
 * last; NULL with a reason when it is malformed. */
static char *take_field(struct csv *c, char *p, char *end, struct span *ret)
{
    if (p == end || *p != '"') {
        char *comma = memchr(p, ',', (size_t)(end - p));
        char *stop = comma ? comma : end;
        *ret = (struct span){p, (size_t)(stop - p)};
        c->reason = memchr(p, '"', ret->n) ? "quote inside an unquoted field" : NULL;
        return c->reason ? NULL : stop + 1;
    }
    char *out = p, *in = p + 1;
    for (; in < end; in++) {
        if (*in == '"' && (in + 1 == end || in[1] != '"'))
            break;
        in += *in == '"';
        *out++ = *in;
    }
    *ret = (struct span){p, (size_t)(out - p)};
    if (in >= end)
        c->reason = "quote is not closed";
    else if (in + 1 != end && in[1] != ',')
        c->reason = "text after a closing quote";
    return c->reason ? NULL : in + 2 > end ? end + 1 : in + 2;
}

static enum csv_result split(struct csv *c, char *line, size_t n, struct span fields[CSV_FIELDS])
{
    char *p = line, *end = line + n;
    size_t count = 0;
    c->reason = NULL;
    while (p && p <= end && count < CSV_FIELDS)
        p = take_field(c, p, end, &fields[count++]);
    if (!p)
        return CSV_BAD;
    if (count != c->columns || p <= end) {
        c->reason = "wrong number of fields";
        return CSV_BAD;
    }
    for (size_t i = 0; i < count; i++)
        fields[i] = span_trim(fields[i]);
    return CSV_ROW;
}

enum csv_result ctl_csv_next(struct csv *c, struct span fields[CSV_FIELDS])
{
    char *line = NULL;
    size_t n = 0;
    do {
        enum csv_result result = read_line(c, &line, &n);
        if (result != CSV_ROW)
            return result;
    } while (n == 0);
    return split(c, line, n, fields);
}

/* ---- Opening ---- */

static off_t size_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

static void strip_byte_order_mark(struct csv *c)
{
    if (c->limit >= 3 && memcmp(c->buffer, "\xef\xbb\xbf", 3) == 0)
        c->at = 3;
}

/* CSV_ROW: the header is what it must be. */
static enum csv_result read_header(struct csv *c, const char *const *columns)
{
    struct span fields[CSV_FIELDS];
    while (columns[c->columns])
        c->columns++;
    while (c->limit < 3 && fill(c))
        ;
    strip_byte_order_mark(c);
    enum csv_result result = ctl_csv_next(c, fields);
    for (size_t i = 0; result == CSV_ROW && i < c->columns; i++) {
        if (!span_eq_nocase(fields[i], span_of(columns[i])))
            result = CSV_BAD;
    }
    return result;
}

static void explain_header(const char *path, const char *const *columns)
{
    fprintf(stderr, "trunkctl: FILE: %s: the first line must be ", path);
    for (size_t i = 0; columns[i]; i++)
        fprintf(stderr, "%s%s", i ? "," : "", columns[i]);
    fputc('\n', stderr);
}

struct csv *ctl_csv_open(const char *path, const char *const *columns)
{
    struct csv *c = ctl_alloc(sizeof(*c));
    bool standard = strcmp(path, "-") == 0;
    c->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    c->size = c->fd < 0 ? 0 : size_of(c->fd);
    enum csv_result result = c->fd < 0 ? CSV_FAILED : read_header(c, columns);
    if (result == CSV_ROW)
        return c;
    if (result == CSV_FAILED)
        ctl_fail("FILE: %s: %s", path, strerror(errno));
    else
        explain_header(path, columns);
    ctl_csv_close(c);
    return NULL;
}

void ctl_csv_close(struct csv *c)
{
    if (!c)
        return;
    if (c->fd > STDERR_FILENO)
        close(c->fd);
    free(c);
}

unsigned long ctl_csv_line(const struct csv *c)
{
    return c->line;
}

const char *ctl_csv_reason(const struct csv *c)
{
    return c->reason;
}

int ctl_csv_percent(const struct csv *c)
{
    off_t read_so_far = c->passed + (off_t)c->at;
    if (c->size == 0)
        return -1;
    return read_so_far < c->size ? (int)(read_so_far * 100 / c->size) : 100;
}
