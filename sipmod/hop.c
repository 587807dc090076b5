#include "hop.h"

#include <stdlib.h>

struct question {
    struct core *core;
    enum protocol protocol;
    struct listener *prefer;
    const char *name; /* for certificates */
    hop_fn *fn;
    void *arg;
};

enum protocol hop_protocol(const struct uri *u)
{
    struct span transport = {0};
    (void)msg_param(u->params, "transport", &transport);
    return transport_protocol_of(span_eq_nocase(u->scheme, SPAN_LIT("sips")), transport);
}

static void on_resolved(void *arg, const struct addr *addresses, size_t n)
{
    struct question *q = arg;
    struct hop hop = {0};
    for (size_t i = 0; i < n; i++) {
        struct flow *to = &hop.flows[hop.n];
        *to = (struct flow){.remote = addresses[i]};
        to->listener =
            transport_listener_for(q->core->transport, q->protocol, &to->remote, q->prefer);
        if (to->listener && transport_protocol(to->listener) == PROTOCOL_TLS)
            to->name = q->name;
        hop.n += to->listener != NULL;
    }
    q->fn(q->arg, &hop);
    free(q);
}

void hop_find(struct core *core, const struct uri *u, struct listener *prefer, hop_fn *fn,
              void *arg)
{
    struct question *q = malloc(sizeof *q);
    if (!q) {
        fn(arg, &(struct hop){.n = 0});
        return;
    }
    enum protocol p = hop_protocol(u);
    *q = (struct question){.core = core, .protocol = p, .prefer = prefer, .fn = fn, .arg = arg};
    if (p == PROTOCOL_TLS)
        q->name = transport_name(core->transport, u->host);
    resolve_host(core->resolver, u->host, u->port, p, on_resolved, q);
}
