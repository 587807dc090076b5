#include "endpoint_key.h"

#include <string.h>

/* Up to a space; spaces within quotes do not count. */
static struct span cut_word(struct span *rest)
{
    while (rest->n && *rest->p == ' ')
        *rest = (struct span){rest->p + 1, rest->n - 1};
    bool quoted = false;
    size_t n = 0;
    for (; n < rest->n && (quoted || rest->p[n] != ' '); n++)
        quoted ^= rest->p[n] == '\'';
    struct span word = {rest->p, n};
    *rest = (struct span){rest->p + n, rest->n - n};
    return word;
}

static bool ends(struct span *s, const char *tail)
{
    size_t n = strlen(tail);
    if (s->n < n || memcmp(s->p + s->n - n, tail, n) != 0)
        return false;
    s->n -= n;
    return true;
}

bool endpoint_key_next(struct span *rest, struct endpoint_key *ret)
{
    struct span word = cut_word(rest);
    struct endpoint_key key = {.kind = ENDPOINT_KEY_TEXT};
    if (!word.n)
        return false;
    if (span_eq(word, SPAN_LIT("}]"))) {
        *ret = (struct endpoint_key){.kind = ENDPOINT_KEY_CLOSE};
        return true;
    }
    key.paged = *word.p == '~';
    key.added = *word.p == '+' || key.paged;
    if (key.added)
        word = (struct span){word.p + 1, word.n - 1};
    if (ends(&word, "[{"))
        key.kind = ENDPOINT_KEY_OBJECTS;
    else if (ends(&word, "[]"))
        key.kind = ENDPOINT_KEY_TEXTS;
    else if (ends(&word, "?"))
        key.kind = ENDPOINT_KEY_FLAG;
    key.name = *word.p == '\'' ? (struct span){word.p + 1, word.n - 2} : word;
    *ret = key;
    return true;
}
