#include <stdio.h>
#include <sys/time.h>

#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_uri.h>

#include "msg_chars.h"
#include "msg_priv.h"
#include "num.h"

static bool same_port(const char *theirs, uint16_t ours)
{
    int64_t port = 0;

    if (theirs && num_parse(span_of(theirs), 1, UINT16_MAX, &port) != 0)
        return false;
    return port == ours;
}

static bool same_host(const char *theirs, struct span ours)
{
    return theirs && span_eq(span_of(theirs), ours);
}

static int uri_agrees(const char *text, const struct uri *ours)
{
    osip_uri_t *theirs;
    int err = osip_uri_init(&theirs);

    if (!err)
        err = osip_uri_parse(theirs, text);
    if (err)
        return err == OSIP_NOMEM ? ERR_NOMEM : ERR_INVALID;
    if (!same_host(theirs->host, ours->host) || !same_port(theirs->port, ours->port))
        return ERR_INVALID;
    return 0;
}

static int via_agrees(const char *text, const struct via *ours)
{
    osip_via_t *theirs;
    int err = osip_via_init(&theirs);

    if (!err)
        err = osip_via_parse(theirs, text);
    if (err)
        return err == OSIP_NOMEM ? ERR_NOMEM : ERR_INVALID;
    if (!same_host(theirs->host, ours->host) || !same_port(theirs->port, ours->port) ||
        !same_host(theirs->protocol, ours->transport))
        return ERR_INVALID;
    return 0;
}

/* One NUL terminated text out of parts, in the arena. */
static char *joined(struct arena *a, const struct span *parts, size_t n)
{
    size_t size = 1, at = 0;
    char *text;

    for (size_t i = 0; i < n; i++)
        size += parts[i].n;
    text = arena_alloc(a, size);
    for (size_t i = 0; text && i < n; i++) {
        if (parts[i].n > 0)
            memcpy(text + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return text;
}

/* Letters, digits, '.', '-', '_' and ':' alone: there is but one way to read it. */
static bool is_plain(struct span s)
{
    cursor_take(&s, '+');
    while (s.n > 0 && (char_is(*s.p, CHAR_HOST) || *s.p == ':')) {
        s.p++;
        s.n--;
    }
    return s.n == 0;
}

int osip_agrees_uri(const struct msg *m, struct span user, struct span host_port,
                    const struct uri *ours)
{
    const struct span parts[] = {ours->scheme, SPAN_LIT(":"), user,
                                 user.n > 0 ? SPAN_LIT("@") : SPAN_LIT(""), host_port};
    if (is_plain(user) && is_plain(host_port))
        return ERR_OK;
    struct arena_mark mark = arena_mark(m->arena);
    struct arena *was = arena_enter(m->arena);
    char *text = joined(m->arena, parts, sizeof(parts) / sizeof(parts[0]));
    int err = text ? uri_agrees(text, ours) : ERR_NOMEM;

    arena_enter(was);
    arena_rewind(m->arena, mark);
    return err;
}

int osip_agrees_via(const struct msg *m, struct span host_port, const struct via *ours)
{
    const struct span parts[] = {SPAN_LIT("SIP/2.0/"), ours->transport, SPAN_LIT(" "), host_port};
    if (is_plain(ours->transport) && is_plain(host_port))
        return ERR_OK;
    struct arena_mark mark = arena_mark(m->arena);
    struct arena *was = arena_enter(m->arena);
    char *text = joined(m->arena, parts, sizeof(parts) / sizeof(parts[0]));
    int err = text ? via_agrees(text, ours) : ERR_NOMEM;

    arena_enter(was);
    arena_rewind(m->arena, mark);
    return err;
}
