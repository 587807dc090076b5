#include "target.h"

#include <stdio.h>

/* The Request-URI's user: a prefix, then digits. One that does not fit stays empty and fails. */
static void set_user(struct target *t, const char *prefix, const char *digits)
{
    struct out o = {.buf = t->user, .cap = sizeof t->user - 1};
    out_text(&o, prefix);
    out_text(&o, digits);
    t->user[out_done(&o).n] = '\0';
}

void target_to_trunk(struct target *t, const struct admit_target *a, const char *number)
{
    *t = (struct target){.forward = a->kind == ADMIT_FORWARD, .port = a->port};
    if (t->forward) {
        set_user(t, "", a->host);
    } else {
        set_user(t, a->prefix, number);
        snprintf(t->host, sizeof t->host, "%s", a->host);
    }
}

void target_to_gateway(struct target *t, const struct gateway *g, const char *e164)
{
    size_t digits = strlen(e164), strip = g->strip < digits ? g->strip : digits;
    *t = (struct target){.port = g->port, .protocol = g->protocol, .limited = g->limited};
    set_user(t, g->prefix, e164 + strip);
    snprintf(t->host, sizeof t->host, "%s", g->host);
    snprintf(t->gateway, sizeof t->gateway, "%s", g->name);
}

struct flow target_flow(const struct target *t, struct transport *tr, const struct addr *a,
                        struct listener *prefer)
{
    struct flow to = {0};
    if (!a)
        return to;
    to.remote = *a;
    to.listener = transport_listener_for(tr, t->protocol, a, prefer);
    if (to.listener && transport_protocol(to.listener) == PROTOCOL_TLS)
        to.name = transport_name(tr, span_of(t->host));
    return to;
}

void target_uri(const struct target *t, struct out *o)
{
    char place[ADDR_PORT_TEXT];
    bool named = addr_parse(span_of(t->host), 0, &(struct addr){0}) != ERR_OK;
    if (named)
        out_format(o, "sip:%s@%s:%u", t->user, t->host, t->port);
    else
        out_format(o, "sip:%s@%s", t->user, addr_port_text(&t->to.remote, place));
    out_text(o, transport_uri_param(t->to.listener));
}

void target_down_last(struct target *rest, size_t n)
{
    for (size_t i = 1; i < n && rest[0].down; i++) {
        struct target first = rest[0];
        memmove(&rest[0], &rest[1], (n - 1) * sizeof *rest);
        rest[n - 1] = first;
    }
}
