#include "msg_chars.h"
#include "msg_priv.h"

/* The comma that ends the first element of s, or its end. Commas in quotes and in <> are text. */
static const char *element_end(struct span s)
{
    bool quoted = false, angled = false;
    const char *p = s.p, *end = s.p + s.n;

    if (s.n == 0 || !memchr(p, ',', s.n)) /* nearly all */
        return end;
    for (; p < end; p++) {
        if (quoted && *p == '\\' && p + 1 < end)
            p++;
        else if (*p == '"' && !angled)
            quoted = !quoted;
        else if (!quoted && (*p == '<' || *p == '>'))
            angled = *p == '<';
        else if (*p == ',' && !quoted && !angled)
            break;
    }
    return p;
}

/* Next element of the current line, empty ones included; ERR_NOT_FOUND at the line's end. */
static int element_take(struct element *e)
{
    if (!e->rest.p)
        return ERR_NOT_FOUND;
    e->text = span_trim(cursor_to(&e->rest, element_end(e->rest)));
    if (!cursor_take(&e->rest, ','))
        e->rest.p = NULL;
    e->only = e->text.p == e->line->value.p && e->text.n == e->line->value.n;
    return 0;
}

static bool element_line(const struct msg *m, enum header id, struct element *e)
{
    while (e->next_line < m->n_headers) {
        const struct header_line *line = &m->headers[e->next_line++];

        if (line->id != id)
            continue;
        e->line = line;
        e->rest = line->value;
        return true;
    }
    return false;
}

/* Empty elements included. */
static bool element_any(const struct msg *m, enum header id, struct element *e)
{
    while (element_take(e) != 0) {
        if (!element_line(m, id, e))
            return false;
    }
    return true;
}

bool msg_element_first(const struct msg *m, enum header id, struct element *ret)
{
    *ret = (struct element){0};
    return msg_element_next(m, id, ret);
}

bool msg_element_next(const struct msg *m, enum header id, struct element *e)
{
    while (element_any(m, id, e)) {
        if (e->text.n > 0)
            return true;
    }
    return false;
}

int elements_check(const struct msg *m, enum header id)
{
    struct element e = {0};
    size_t n = 0;

    while (element_any(m, id, &e)) {
        if (e.text.n == 0)
            return ERR_INVALID;
        if (++n > MSG_ELEMENTS_MAX)
            return ERR_TOO_LARGE;
    }
    return 0;
}
