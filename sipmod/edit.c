#include "edit.h"

void edit_start(struct edit *e, const struct msg *m)
{
    *e = (struct edit){.msg = m};
}

static void fail(struct edit *e, int err)
{
    if (!e->err)
        e->err = err;
}

static void step(struct edit *e, const char *at, size_t cut, struct span put)
{
    struct span raw = e->msg->raw;

    if (at < raw.p || at > raw.p + raw.n || cut > (size_t)(raw.p + raw.n - at))
        fail(e, ERR_INVALID);
    else if (e->n == EDIT_MAX)
        fail(e, ERR_TOO_LARGE);
    else
        e->steps[e->n++] = (struct edit_step){(size_t)(at - raw.p), cut, put};
}

/* Behind the last header line, or behind the start line when there is none. */
static const char *headers_end(const struct msg *m)
{
    const struct header_line *last = m->n_headers > 0 ? &m->headers[m->n_headers - 1] : NULL;
    const char *lf;

    if (last)
        return last->line.p + last->line.n;
    lf = memchr(m->raw.p, '\n', m->raw.n);
    return lf ? lf + 1 : m->raw.p + m->raw.n;
}

void edit_replace(struct edit *e, struct span old, struct span put)
{
    step(e, old.p, old.n, put);
}

void edit_insert_before(struct edit *e, enum header id, struct span lines)
{
    const struct header_line *first = msg_header(e->msg, id);

    if (!first && e->msg->n_headers > 0)
        first = &e->msg->headers[0];
    step(e, first ? first->line.p : headers_end(e->msg), 0, lines);
}

void edit_append_header(struct edit *e, struct span lines)
{
    step(e, headers_end(e->msg), 0, lines);
}

void edit_remove_line(struct edit *e, const struct header_line *line)
{
    step(e, line->line.p, line->line.n, (struct span){0});
}

void edit_after(struct edit *e, struct span old, struct span put)
{
    step(e, old.p + old.n, 0, put);
}

/* Takes back the step that removed what ends right before *from, and moves *from to its start. */
static bool absorb_removal(struct edit *e, const char **from)
{
    size_t at = (size_t)(*from - e->msg->raw.p);

    for (size_t i = 0; i < e->n; i++) {
        struct edit_step s = e->steps[i];

        if (s.cut == 0 || s.put.n > 0 || s.at + s.cut != at)
            continue;
        memmove(&e->steps[i], &e->steps[i + 1], (--e->n - i) * sizeof(s));
        *from -= s.cut;
        return true;
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The last element goes with the comma before it and the space around that; if all before it are
 * gone, with its line. */
static void remove_last(struct edit *e, const struct element *el)
{
    const char *from = el->text.p, *end = el->text.p + el->text.n;
    const char *start = el->line->value.p;

    while (from > start && absorb_removal(e, &from))
        ;
    if (from <= start) {
        edit_remove_line(e, el->line);
        return;
    }
    while (from > start && *--from != ',')
        ;
    while (from > start && is_space(from[-1]))
        from--;
    step(e, from, (size_t)(end - from), (struct span){0});
}

void edit_remove_element(struct edit *e, const struct element *el)
{
    const char *value_end = el->line->value.p + el->line->value.n;
    const char *end = el->text.p + el->text.n;

    if (el->only || end == value_end) {
        remove_last(e, el);
        return;
    }
    while (end < value_end && *end != ',')
        end++;
    do {
        end++;
    } while (end < value_end && is_space(*end));
    step(e, el->text.p, (size_t)(end - el->text.p), (struct span){0});
}

size_t edit_size(const struct edit *e)
{
    size_t size = e->msg->raw.n, cut = 0;

    for (size_t i = 0; i < e->n; i++) {
        size += e->steps[i].put.n;
        cut += e->steps[i].cut;
    }
    return cut < size ? size - cut : 0;
}

/* By offset; at the same offset insertions come before a removal, in the order of calls. */
static bool goes_before(const struct edit_step *a, const struct edit_step *b)
{
    return a->at < b->at || (a->at == b->at && a->cut == 0 && b->cut > 0);
}

static void sort(struct edit_step *steps, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct edit_step s = steps[i];
        size_t j = i;

        for (; j > 0 && goes_before(&s, &steps[j - 1]); j--)
            steps[j] = steps[j - 1];
        steps[j] = s;
    }
}

static bool overlaps(const struct edit_step *steps, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (steps[i].at < steps[i - 1].at + steps[i - 1].cut)
            return true;
    }
    return false;
}

static char *put(char *to, const char *from, size_t n)
{
    if (n > 0)
        memcpy(to, from, n);
    return to + n;
}

int edit_build(struct edit *e, char *buf, size_t cap, size_t *ret_n)
{
    struct span raw = e->msg->raw;
    size_t from = 0;
    char *to = buf;

    if (e->err)
        return e->err;
    sort(e->steps, e->n);
    if (overlaps(e->steps, e->n))
        return ERR_INVALID;
    if (edit_size(e) > cap)
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < e->n; i++) {
        const struct edit_step *s = &e->steps[i];

        to = put(to, raw.p + from, s->at - from);
        to = put(to, s->put.p, s->put.n);
        from = s->at + s->cut;
    }
    to = put(to, raw.p + from, raw.n - from);
    *ret_n = (size_t)(to - buf);
    return 0;
}
