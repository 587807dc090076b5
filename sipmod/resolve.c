#include "resolve.h"

#include <stdlib.h>

#include "out.h"

/* A host and port where the name's service may be. */
struct place {
    struct lookup *lookup;
    uint16_t port;
    size_t n;
    struct addr addresses[DNS_ADDRESSES];
};

struct lookup {
    struct resolver *resolver;
    resolve_fn *fn;
    void *arg;
    enum protocol protocol;
    uint64_t deadline_ms;
    char host[DNS_NAME];
    size_t awaited; /* answers, and one more while questions are being put */
    size_t n;
    struct place places[SRV_MAX]; /* in the order to try */
};

struct resolver {
    uv_loop_t *loop;
    const struct conf *conf;
    struct dns *dns;
};

/* ---- answering ---- */

static void set_port(struct addr *a, uint16_t port)
{
    if (a->sa.sa_family == AF_INET6)
        a->v6.sin6_port = htons(port);
    else
        a->v4.sin_port = htons(port);
}

static void finish(struct lookup *l)
{
    struct addr list[RESOLVE_ADDRESSES];
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct place *p = &l->places[i];
        for (size_t j = 0; j < p->n && n < RESOLVE_ADDRESSES; j++) {
            list[n] = p->addresses[j];
            set_port(&list[n++], p->port);
        }
    }
    l->fn(l->arg, list, n);
    free(l);
}

static void one_less(struct lookup *l)
{
    if (--l->awaited == 0)
        finish(l);
}

/* ---- asking ---- */

static void on_addresses(void *arg, const struct dns_answer *a)
{
    struct place *p = arg;
    p->n = a->n;
    memcpy(p->addresses, a->addresses, a->n * sizeof *a->addresses);
    one_less(p->lookup);
}

static void add_place(struct lookup *l, struct span host, uint16_t port)
{
    struct place *p = &l->places[l->n++];
    p->lookup = l;
    p->port = port;
    l->awaited++;
    dns_ask(l->resolver->dns, DNS_HOST, host, l->deadline_ms, on_addresses, p);
}

/* RFC 2782: a target that is the root says that there is no such service. */
static void on_services(void *arg, const struct dns_answer *a)
{
    struct lookup *l = arg;
    struct srv list[SRV_MAX];
    memcpy(list, a->services, a->n * sizeof *list);
    srv_order(list, a->n);
    for (size_t i = 0; i < a->n; i++) {
        if (list[i].target[0] && list[i].port)
            add_place(l, span_of(list[i].target), list[i].port);
    }
    if (a->n == 0) /* that a server won't tell of services must not hide the host */
        add_place(l, span_of(l->host), transport_default_port(l->protocol));
    one_less(l);
}

static void ask_services(struct lookup *l)
{
    static const char *const services[] = {[PROTOCOL_ANY] = "_sip._udp.",
                                           [PROTOCOL_UDP] = "_sip._udp.",
                                           [PROTOCOL_TCP] = "_sip._tcp.",
                                           [PROTOCOL_TLS] = "_sips._tcp."};
    char name[DNS_NAME];
    struct out o = OUT_IN(name);
    out_text(&o, services[l->protocol]);
    out_text(&o, l->host);
    if (o.full) /* no such name can be */
        on_services(l, &(struct dns_answer){.known = true});
    else
        dns_ask(l->resolver->dns, DNS_SERVICE, out_done(&o), l->deadline_ms, on_services, l);
}

static struct lookup *lookup_new(struct resolver *r, struct span host, enum protocol protocol,
                                 resolve_fn *fn, void *arg)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (!l || !span_copy(host, l->host, sizeof l->host)) {
        free(l);
        return NULL;
    }
    l->resolver = r;
    l->fn = fn;
    l->arg = arg;
    l->protocol = protocol;
    l->deadline_ms = uv_now(r->loop) + (uint64_t)r->conf->sip.resolve_ms;
    l->awaited = 1;
    return l;
}

void resolve_host(struct resolver *r, struct span host, uint16_t port, enum protocol protocol,
                  resolve_fn *fn, void *arg)
{
    struct addr address;
    if (addr_parse(host, port ? port : transport_default_port(protocol), &address) == ERR_OK) {
        fn(arg, &address, 1);
        return;
    }
    struct lookup *l = lookup_new(r, host, protocol, fn, arg);
    if (!l) {
        fn(arg, NULL, 0);
    } else if (port) {
        add_place(l, span_of(l->host), port);
        one_less(l);
    } else {
        ask_services(l);
    }
}

/* ---- life ---- */

int resolver_new(struct resolver **ret, uv_loop_t *loop, const struct conf *conf)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->loop = loop;
    r->conf = conf;
    int err = dns_new(&r->dns, loop, conf);
    if (err != ERR_OK) {
        free(r);
        return err;
    }
    *ret = r;
    return ERR_OK;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    dns_free(r->dns);
    free(r);
}
