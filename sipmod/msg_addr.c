#include "msg_chars.h"
#include "msg_priv.h"
#include "num.h"

/* "SIP / 2.0 / UDP" (RFC 3261 §20.42): white space may stand around the slashes. */
static int protocol_take(struct span *s, bool any_version, struct span *ret_transport)
{
    struct span part[3];

    for (size_t i = 0; i < 3; i++) {
        if (i > 0 && !cursor_take(s, '/'))
            return ERR_INVALID;
        cursor_skip_space(s);
        part[i] = cursor_run(s, CHAR_TOKEN);
        if (part[i].n == 0)
            return ERR_INVALID;
        if (i < 2)
            cursor_skip_space(s);
    }
    if (!span_eq_nocase(part[0], SPAN_LIT("SIP")))
        return ERR_INVALID;
    if (!any_version && !span_eq(part[1], SPAN_LIT("2.0")))
        return ERR_INVALID;
    if (s->n == 0 || !char_is(*s->p, CHAR_SPACE))
        return ERR_INVALID;
    cursor_skip_space(s);
    *ret_transport = part[2];
    return 0;
}

static bool holds_space(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (char_is(s.p[i], CHAR_SPACE))
            return true;
    }
    return false;
}

/* The colon of "host : 5060" may have white space around it: such an address is put together anew.
 */
static int sent_by_squeeze(const struct msg *m, struct span *text)
{
    char *p = arena_text(m->arena, *text);
    size_t n = 0;

    if (!p)
        return ERR_NOMEM;
    for (size_t i = 0; i < text->n; i++) {
        if (!char_is(p[i], CHAR_SPACE))
            p[n++] = p[i];
    }
    *text = (struct span){p, n};
    return 0;
}

/* Cuts "host", "host:port", "host : port" off *s. */
static int sent_by_take(const struct msg *m, struct span *s, struct span *ret)
{
    struct span start = *s;

    if (cursor_take(s, '[')) {
        while (s->n > 0 && !cursor_take(s, ']'))
            cursor_to(s, s->p + 1);
    } else {
        cursor_run(s, CHAR_HOST);
    }
    *ret = (struct span){start.p, (size_t)(s->p - start.p)};
    cursor_skip_space(s);
    if (!cursor_take(s, ':'))
        return 0;
    cursor_skip_space(s);
    cursor_run(s, CHAR_DIGIT);
    ret->n = (size_t)(s->p - start.p);
    return holds_space(*ret) ? sent_by_squeeze(m, ret) : 0;
}

static int rport_read(const struct param *p, struct via *v)
{
    int64_t port = 0;

    if (v->rport || (p->value.n > 0 && num_parse(p->value, 1, UINT16_MAX, &port) != 0))
        return ERR_INVALID;
    v->rport = true;
    v->rport_value = (uint16_t)port;
    v->rport_name = p->name;
    return 0;
}

/* Puts a value that may be there once only. */
static int once(struct span *slot, struct span value)
{
    if (slot->n > 0 || value.n == 0)
        return ERR_INVALID;
    *slot = value;
    return 0;
}

static int via_param(struct via *v, const struct param *p)
{
    if (span_eq_nocase(p->name, SPAN_LIT("branch")))
        return once(&v->branch, p->value);
    if (span_eq_nocase(p->name, SPAN_LIT("received")))
        return once(&v->received, p->value);
    if (span_eq_nocase(p->name, SPAN_LIT("rport")))
        return rport_read(p, v);
    return 0;
}

static int via_params(struct span s, struct via *v)
{
    struct param p;
    int err;

    for (size_t n = 0; n <= MSG_PARAMS_MAX; n++) {
        err = cursor_param(&s, &p);
        if (!err)
            err = via_param(v, &p);
        if (err)
            return err == ERR_NOT_FOUND ? 0 : err;
    }
    return ERR_INVALID;
}

int addr_read_via(const struct msg *m, struct span text, bool any_version, struct via *ret)
{
    struct via v = {.text = text};
    struct span s = text, sent_by = {0};
    int err = protocol_take(&s, any_version, &v.transport);

    if (!err)
        err = sent_by_take(m, &s, &sent_by);
    if (!err)
        err = addr_host_port(sent_by, &v.host, &v.port);
    if (!err)
        err = via_params(s, &v);
    if (!err && span_eq(v.branch, SPAN_LIT("z9hG4bK")))
        err = ERR_INVALID; /* the cookie alone: it would match every other one of its kind */
    if (!err)
        err = osip_agrees_via(m, sent_by, &v);
    if (err)
        return err;
    *ret = v;
    return 0;
}

int addr_salvage_via(const struct msg *m, struct span text, struct via *ret)
{
    struct via v = {0};
    struct span s = text, sent_by = {0};
    struct param p;
    int err = protocol_take(&s, true, &v.transport);

    if (!err)
        err = sent_by_take(m, &s, &sent_by);
    if (!err)
        err = addr_host_port(sent_by, &v.host, &v.port);
    if (err)
        return err;
    do {
        v.text = (struct span){text.p, (size_t)(s.p - text.p)};
    } while (cursor_param(&s, &p) == 0 && via_param(&v, &p) == 0);
    *ret = v;
    return 0;
}

int msg_read_via(const struct msg *m, struct span text, struct via *ret)
{
    return addr_read_via(m, text, false, ret);
}

/* A display name with its quotes, or words up to '<'; then "<uri>". */
static int name_addr_take(struct span *s, struct name_addr *n)
{
    const char *end;

    if (!cursor_quoted(s, &n->display))
        n->display = span_trim(cursor_run(s, CHAR_DISPLAY));
    cursor_skip_space(s);
    if (!cursor_take(s, '<'))
        return ERR_INVALID;
    end = s->n > 0 ? memchr(s->p, '>', s->n) : NULL;
    if (!end)
        return ERR_INVALID;
    n->uri.text = cursor_to(s, end);
    cursor_take(s, '>');
    return 0;
}

/* Without <> a ';' begins the header's parameters, and '?' and ',' are not allowed (§20.10). */
static int addr_spec_take(struct span *s, struct name_addr *n)
{
    const char *p = s->p, *end = s->p + s->n;

    while (p < end && char_is(*p, CHAR_URI) && *p != ';' && *p != '?' && *p != ',')
        p++;
    n->uri.text = cursor_to(s, p);
    return 0;
}

static int name_addr_params(struct span s, struct name_addr *n)
{
    struct param p;
    int err;

    cursor_skip_space(&s);
    if (s.n > 0)
        n->params = (struct span){s.p + 1, s.n - 1};
    for (size_t i = 0; i <= MSG_PARAMS_MAX; i++) {
        err = cursor_param(&s, &p);
        if (!err && span_eq_nocase(p.name, SPAN_LIT("tag")))
            err = once(&n->tag, p.value);
        if (err)
            return err == ERR_NOT_FOUND ? 0 : err;
    }
    return ERR_INVALID;
}

int addr_split(struct span text, struct name_addr *ret)
{
    struct name_addr n = {0};
    struct span s = span_trim(text);
    int err;

    if (s.n == 0)
        return ERR_INVALID;
    err = *s.p == '"' || memchr(s.p, '<', s.n) ? name_addr_take(&s, &n) : addr_spec_take(&s, &n);
    if (!err && (n.uri.text.n == 0 || !chars_all(n.uri.text, CHAR_URI)))
        err = ERR_INVALID;
    if (!err)
        err = name_addr_params(s, &n);
    if (err)
        return err;
    *ret = n;
    return 0;
}

int msg_read_name_addr(const struct msg *m, struct span text, struct name_addr *ret)
{
    struct name_addr n = {0};
    int err = addr_split(text, &n);

    if (!err)
        err = msg_read_uri(m, n.uri.text, &n.uri);
    if (err)
        return err;
    *ret = n;
    return 0;
}

/* The ';' that ends the first parameter of s, or its end. */
static const char *param_end(struct span s)
{
    bool quoted = false;
    const char *p = s.p, *end = s.p + s.n;

    for (; p < end && (quoted || *p != ';'); p++) {
        if (*p == '"')
            quoted = !quoted;
        else if (quoted && *p == '\\' && p + 1 < end)
            p++;
    }
    return p;
}

/* Splits "name = value" at its first '='. */
static struct param param_split(struct span text)
{
    const char *eq = text.n > 0 ? memchr(text.p, '=', text.n) : NULL;
    struct param p = {0};

    if (eq) {
        p.name = span_trim(cursor_to(&text, eq));
        cursor_take(&text, '=');
        p.value = span_trim(text);
    } else {
        p.name = span_trim(text);
    }
    return p;
}

bool msg_param(struct span params, const char *name, struct span *ret_value)
{
    struct span wanted = span_of(name);

    while (params.n > 0) {
        struct param p = param_split(cursor_to(&params, param_end(params)));

        cursor_take(&params, ';');
        if (!span_eq_nocase(p.name, wanted))
            continue;
        if (ret_value)
            *ret_value = p.value;
        return true;
    }
    return false;
}
