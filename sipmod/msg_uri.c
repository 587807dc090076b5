#include <arpa/inet.h>

#include "msg_chars.h"
#include "msg_priv.h"
#include "num.h"

static const char *find(struct span s, char c)
{
    return s.n > 0 ? memchr(s.p, c, s.n) : NULL;
}

static int port_read(struct span text, uint16_t *ret)
{
    int64_t port;
    int err = num_parse(text, 1, UINT16_MAX, &port);

    if (!err)
        *ret = (uint16_t)port;
    return err ? ERR_INVALID : 0;
}

/* "[2001:db8::1]" at the front of *s; *ret without brackets. */
static int ipv6_take(struct span *s, struct span *ret)
{
    const char *end = find(*s, ']');
    struct in6_addr addr;
    char text[INET6_ADDRSTRLEN];

    if (!end)
        return ERR_INVALID;
    cursor_take(s, '[');
    *ret = cursor_to(s, end);
    cursor_take(s, ']');
    if (!span_copy(*ret, text, sizeof(text)) || inet_pton(AF_INET6, text, &addr) != 1)
        return ERR_INVALID;
    return 0;
}

static int host_take(struct span *s, struct span *ret)
{
    if (s->n > 0 && *s->p == '[')
        return ipv6_take(s, ret);
    *ret = cursor_run(s, CHAR_HOST);
    return ret->n > 0 && char_is(ret->p[0], CHAR_ALPHA | CHAR_DIGIT) ? 0 : ERR_INVALID;
}

int addr_host_port(struct span text, struct span *ret_host, uint16_t *ret_port)
{
    struct span host = {0};
    uint16_t port = 0;
    int err = host_take(&text, &host);

    if (!err && cursor_take(&text, ':')) {
        err = port_read(text, &port);
    } else if (!err && text.n > 0) {
        err = ERR_INVALID;
    }
    if (err)
        return err;
    *ret_host = host;
    *ret_port = port;
    return 0;
}

/* "user:password"; parameters of telephone subscribers stand inside the user part. */
static int user_read(struct span userinfo, struct uri *u)
{
    const char *colon = find(userinfo, ':'), *semi;

    u->user = colon ? cursor_to(&userinfo, colon) : cursor_to(&userinfo, userinfo.p + userinfo.n);
    cursor_take(&userinfo, ':');
    if (u->user.n == 0 || !chars_all_escaped(u->user, CHAR_USER) ||
        !chars_all_escaped(userinfo, CHAR_USER))
        return ERR_INVALID;
    semi = find(u->user, ';');
    if (semi)
        u->user_params = (struct span){semi + 1, (size_t)(u->user.p + u->user.n - semi - 1)};
    return 0;
}

/* *s stands at the first ';' or at the end; *ret gets what follows that ';'. */
static int params_read(struct span s, struct span *ret)
{
    struct param p;
    size_t n = 0;
    int err;

    if (s.n > 0)
        *ret = (struct span){s.p + 1, s.n - 1};
    do {
        err = cursor_uri_param(&s, &p);
    } while (!err && ++n <= MSG_PARAMS_MAX);
    return err == ERR_NOT_FOUND ? 0 : ERR_INVALID;
}

static int headers_read(struct span s, struct uri *u)
{
    if (!cursor_take(&s, '?'))
        return 0;
    u->headers = s;
    return s.n > 0 && chars_all_escaped(s, CHAR_URI_HEADER) ? 0 : ERR_INVALID;
}

/* Behind "sip:". An '@' can only end the user part: elsewhere the grammar wants it escaped. */
static int sip_read(const struct msg *m, struct span rest, struct uri *u)
{
    const char *at = find(rest, '@'), *query, *semi;
    struct span host_port, params;
    int err = 0;

    if (at) {
        err = user_read(cursor_to(&rest, at), u);
        cursor_take(&rest, '@');
    }
    query = find(rest, '?');
    params = query ? cursor_to(&rest, query) : cursor_to(&rest, rest.p + rest.n);
    semi = find(params, ';');
    host_port = semi ? cursor_to(&params, semi) : cursor_to(&params, params.p + params.n);
    if (!err)
        err = addr_host_port(host_port, &u->host, &u->port);
    if (!err)
        err = params_read(params, &u->params);
    if (!err)
        err = headers_read(rest, u);
    return err ? err : osip_agrees_uri(m, u->user, host_port, u);
}

static int tel_read(struct span rest, struct uri *u)
{
    u->user = cursor_run(&rest, CHAR_TEL);
    if (u->user.n == 0)
        return ERR_INVALID;
    return params_read(rest, &u->params);
}

static bool scheme_take(struct span *s, struct span *ret)
{
    const char *colon = find(*s, ':');

    if (!colon)
        return false;
    *ret = cursor_to(s, colon);
    cursor_take(s, ':');
    return ret->n > 0 && char_is(ret->p[0], CHAR_ALPHA) && chars_all(*ret, CHAR_TOKEN);
}

int msg_read_uri(const struct msg *m, struct span text, struct uri *ret)
{
    struct uri u = {.text = text};
    struct span rest = text;
    int err = 0;

    if (!scheme_take(&rest, &u.scheme) || rest.n == 0)
        return ERR_INVALID;
    if (span_eq_nocase(u.scheme, SPAN_LIT("sip")) || span_eq_nocase(u.scheme, SPAN_LIT("sips")))
        err = sip_read(m, rest, &u);
    else if (span_eq_nocase(u.scheme, SPAN_LIT("tel")))
        err = tel_read(rest, &u);
    else if (!chars_all(rest, CHAR_URI))
        err = ERR_INVALID;
    if (err)
        return err;
    *ret = u;
    return 0;
}
