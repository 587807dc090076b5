#include "ctl_bad.h"

#include <stdlib.h>

#include "ctl.h"

enum { REPORTED = 20 };

static const struct column columns[] = {
    {"line",   ROWS_COUNT, false, NULL},
    {"reason", ROWS_TEXT,  false, NULL},
    {NULL,     ROWS_TEXT,  false, NULL},
};

struct bad {
    const char *file;
    int64_t count;
    struct rows *rows;
};

struct bad *ctl_bad_new(const char *file)
{
    struct bad *b = ctl_alloc(sizeof(*b));
    b->file = file;
    b->rows = ctl_rows_new(columns);
    return b;
}

void ctl_bad_free(struct bad *b)
{
    if (!b)
        return;
    ctl_rows_free(b->rows);
    free(b);
}

void ctl_bad_add(struct bad *b, unsigned long line, const char *reason)
{
    if (b->count++ >= REPORTED)
        return;
    ctl_rows_add(b->rows);
    ctl_rows_set_int(b->rows, "line", (int64_t)line);
    ctl_rows_set(b->rows, "reason", reason);
    ctl_fail("%s:%lu: %s", b->file, line, reason);
}

int64_t ctl_bad_count(const struct bad *b)
{
    return b->count;
}

void ctl_bad_attach(struct bad *b, struct rows *result, bool json)
{
    if (b->count > REPORTED)
        ctl_fail("%s: %lld more bad rows", b->file, (long long)(b->count - REPORTED));
    if (!json) /* people have seen them */
        return;
    ctl_rows_attach(result, "bad_rows", b->rows);
    b->rows = NULL;
}
