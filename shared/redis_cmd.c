#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "redis.h"

enum { FIRST_CAP = 8 };

static bool grow(struct cmd *c)
{
    if (c->n < c->cap)
        return true;
    size_t cap = c->cap > 0 ? c->cap * 2 : FIRST_CAP;
    char **argv = realloc(c->argv, cap * sizeof(*argv));
    if (argv == NULL)
        return false;
    c->argv = argv;
    size_t *lens = realloc(c->lens, cap * sizeof(*lens));
    if (lens == NULL)
        return false;
    c->lens = lens;
    c->cap = cap;
    return true;
}

void cmd_span(struct cmd *c, struct span s)
{
    if (c->failed)
        return;
    char *copy = grow(c) ? malloc(s.n + 1) : NULL;
    if (copy == NULL) {
        c->failed = 1;
        return;
    }
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    c->argv[c->n] = copy;
    c->lens[c->n++] = s.n;
}

void cmd_text(struct cmd *c, const char *text)
{
    cmd_span(c, span_of(text));
}

void cmd_int(struct cmd *c, int64_t v)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, v);
    cmd_text(c, text);
}

void cmd_free(struct cmd *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->argv[i]);
    free(c->argv);
    free(c->lens);
    *c = (struct cmd){0};
}

static void call(struct cmd *c, const char *verb, const char *function, const char *key)
{
    cmd_text(c, verb);
    cmd_text(c, function);
    cmd_text(c, "1");
    cmd_text(c, key);
}

void cmd_fcall(struct cmd *c, const char *function, const char *key)
{
    call(c, "FCALL", function, key);
}

void cmd_fcall_ro(struct cmd *c, const char *function, const char *key)
{
    call(c, "FCALL_RO", function, key);
}
