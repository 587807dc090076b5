#include "transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "listen.h"
#include "log.h"
#include "stream.h"
#include "tls.h"
#include "transport_priv.h"
#include "udp.h"

enum { NAMES_MAX = 1024, NAME_TEXT = 256, TLS_PORT = 5061, SIP_PORT = 5060 };

static const struct {
    const char *via, *param, *word;
    unsigned listen;
} PROTOCOLS[] = {
    [PROTOCOL_UDP] = {"UDP", "",               "udp", LISTEN_UDP},
    [PROTOCOL_TCP] = {"TCP", ";transport=tcp", "tcp", LISTEN_TCP},
    [PROTOCOL_TLS] = {"TLS", ";transport=tls", "tls", LISTEN_TLS},
};

/* A host name that flows point to; kept to the end. */
struct name {
    UT_hash_handle hh;
    char text[];
};

/* ---- sending ---- */

static void flush_all(struct transport *t)
{
    for (size_t i = 0; i < t->n_listeners; i++) {
        if (t->listeners[i].udp)
            udp_flush(t->listeners[i].udp);
    }
}

/* The last thing before the loop polls: handles that were started later, as those of Redis, come
 * first. */
static void on_prepare(uv_prepare_t *handle)
{
    struct transport *t = handle->data;
    flush_all(t);
    gather_wait(&t->gather, t->counters.received, (uint64_t)t->conf->sip.gather_us,
                t->events.urgent_fd(t->events.arg));
}

static void on_check(uv_check_t *handle)
{
    flush_all(handle->data);
}

uint64_t transport_send(const struct flow *to, struct span bytes)
{
    struct listener *l = to->listener;
    if (l->protocol != PROTOCOL_UDP)
        return stream_send(l->transport->streams, to, bytes);
    udp_send(l->udp, &to->remote, bytes);
    return 0;
}

bool transport_is_connected(const struct flow *to)
{
    const struct listener *l = to->listener;
    return l->protocol != PROTOCOL_UDP && stream_is_connected(l->transport->streams, to);
}

/* ---- showing ---- */

const struct addr *transport_local(const struct listener *l)
{
    return addr_is_unroutable(&l->local) ? &l->advertised : &l->local;
}

void transport_show(const struct listener *l, const struct transport_message *m)
{
    const struct transport_events *e = &l->transport->events;
    if (e->seen)
        e->seen(e->seen_arg, m);
}

/* ---- opening ---- */

static bool same_family(const struct addr *a, const struct addr *b)
{
    return a->sa.sa_family == b->sa.sa_family;
}

static void set_port(struct addr *a, uint16_t port)
{
    if (a->sa.sa_family == AF_INET6)
        a->v6.sin6_port = htons(port);
    else
        a->v4.sin_port = htons(port);
}

/* What to put into Via: `advertise` if it is of the same family, at the listener's port if it names
 * none. */
static int set_advertised(struct listener *l, struct span advertise, char *error)
{
    struct addr a;
    char local[ADDR_PORT_TEXT];
    l->advertised = l->local;
    if (advertise.n && addr_parse_port(advertise, 0, &a) != ERR_OK) {
        snprintf(error, TRANSPORT_ERROR, "sip.advertise: not an address: %.*s", (int)advertise.n,
                 advertise.p);
        return ERR_INVALID;
    }
    if (advertise.n && same_family(&a, &l->local)) {
        if (addr_port(&a) == 0)
            set_port(&a, addr_port(&l->local));
        l->advertised = a;
    }
    if (addr_is_unroutable(&l->advertised)) {
        snprintf(error, TRANSPORT_ERROR, "sip.advertise: needed with the wildcard %s",
                 addr_port_text(&l->local, local));
        return ERR_INVALID;
    }
    addr_port_text(&l->advertised, l->sent_by);
    return ERR_OK;
}

static int open_listener(struct listener *l, char *error)
{
    struct transport *t = l->transport;
    char local[ADDR_PORT_TEXT];
    if (l->protocol == PROTOCOL_TLS && !t->tls) {
        snprintf(error, TRANSPORT_ERROR, "tls.certificate: needed to listen on tls:%s",
                 addr_port_text(&l->local, local));
        return ERR_INVALID;
    }
    int err = l->protocol == PROTOCOL_UDP ? udp_open(&l->udp, l)
                                          : stream_listen(&l->stream, t->streams, l);
    if (err != ERR_OK)
        snprintf(error, TRANSPORT_ERROR, "can't listen on %s:%s: %s", PROTOCOLS[l->protocol].word,
                 addr_port_text(&l->local, local),
                 err == ERR_SYSTEM ? strerror(errno) : err_text(err));
    return err;
}

static int add_listener(struct transport *t, enum protocol protocol, const struct addr *local,
                        struct span advertise, char *error)
{
    if (t->n_listeners == TRANSPORT_LISTENERS) {
        snprintf(error, TRANSPORT_ERROR, "sip.listen: more than %d", TRANSPORT_LISTENERS);
        return ERR_TOO_LARGE;
    }
    struct listener *l = &t->listeners[t->n_listeners];
    *l = (struct listener){.transport = t, .protocol = protocol, .local = *local};
    int err = set_advertised(l, advertise, error);
    if (err == ERR_OK)
        err = open_listener(l, error);
    if (err == ERR_OK)
        t->n_listeners++;
    return err;
}

static int add_listeners(struct transport *t, char *error)
{
    const struct conf *conf = t->conf;
    struct span listen = span_of(conf->sip.listen), advertise = span_of(conf->sip.advertise), part;
    bool each = memchr(conf->sip.advertise, ',', sizeof conf->sip.advertise) != NULL;
    struct span name = advertise;
    while (span_cut(&listen, ',', &part)) {
        struct listen where;
        if (listen_parse(part, &where) != ERR_OK) {
            snprintf(error, TRANSPORT_ERROR, "sip.listen: not an address: %.*s", (int)part.n,
                     part.p);
            return ERR_INVALID;
        }
        if (each && !span_cut(&advertise, ',', &name))
            name = (struct span){0};
        for (enum protocol p = PROTOCOL_UDP; p <= PROTOCOL_TLS; p++) {
            if (!(where.protocols & PROTOCOLS[p].listen))
                continue;
            int err = add_listener(t, p, &where.address, name, error);
            if (err != ERR_OK)
                return err;
        }
    }
    return ERR_OK;
}

static int open_parts(struct transport *t, char *error)
{
    t->in = malloc(UDP_BATCH * (t->message_max + 1));
    int err = t->in ? streams_new(&t->streams, t) : ERR_NOMEM;
    if (err == ERR_OK && t->conf->tls.certificate[0])
        err = tls_context_new(&t->tls, t->conf, error);
    if (err == ERR_OK)
        err = add_listeners(t, error);
    if (err == ERR_OK && t->n_listeners == 0) {
        snprintf(error, TRANSPORT_ERROR, "sip.listen: empty");
        err = ERR_INVALID;
    }
    return err;
}

int transport_open(struct transport **ret, uv_loop_t *loop, struct timer_wheel *wheel,
                   const struct conf *conf, const struct transport_events *events,
                   char error[TRANSPORT_ERROR])
{
    struct transport *t = calloc(1, sizeof *t);
    error[0] = '\0';
    if (!t)
        return ERR_NOMEM;
    t->loop = loop;
    t->wheel = wheel;
    t->conf = conf;
    t->events = *events;
    t->message_max = (size_t)conf->sip.message_max;
    uv_prepare_init(loop, &t->before_poll);
    uv_check_init(loop, &t->after_poll);
    t->before_poll.data = t->after_poll.data = t;
    t->holds = 2;
    uv_prepare_start(&t->before_poll, on_prepare);
    uv_check_start(&t->after_poll, on_check);
    int err = open_parts(t, error);
    if (err != ERR_OK) {
        transport_close(t);
        return err;
    }
    *ret = t;
    return ERR_OK;
}

int transport_reload(struct transport *t, char error[TRANSPORT_ERROR])
{
    struct tls_context *fresh;
    error[0] = '\0';
    if (!t->tls || !t->conf->tls.certificate[0])
        return ERR_OK; /* TLS is neither begun nor ended while we run */
    int err = tls_context_new(&fresh, t->conf, error);
    if (err != ERR_OK)
        return err;
    tls_context_free(t->tls);
    t->tls = fresh;
    return ERR_OK;
}

/* ---- closing ---- */

void transport_hold(struct transport *t)
{
    t->holds++;
}

static void free_names(struct transport *t)
{
    struct name *name = t->names, *next;
    HASH_CLEAR(hh, t->names); /* the table alone */
    for (; name; name = next) {
        next = name->hh.next;
        free(name);
    }
}

void transport_release(struct transport *t)
{
    if (--t->holds > 0)
        return;
    streams_free(t->streams);
    tls_context_free(t->tls);
    free_names(t);
    free(t->in);
    free(t);
}

static void on_closed(uv_handle_t *handle)
{
    transport_release(handle->data);
}

static void log_counters(const struct transport_counters *t)
{
    log_info("connections taken %llu, made %llu, refused %llu", (unsigned long long)t->accepted,
             (unsigned long long)t->connected, (unsigned long long)t->refused);
    log_info("received %llu, sent %llu, send drops %llu, too large %llu",
             (unsigned long long)t->received, (unsigned long long)t->sent,
             (unsigned long long)t->send_dropped, (unsigned long long)t->too_large);
}

void transport_close(struct transport *t)
{
    if (!t)
        return;
    log_counters(&t->counters);
    t->closing = true;
    for (size_t i = 0; i < t->n_listeners; i++) {
        udp_close(t->listeners[i].udp);
        stream_unlisten(t->listeners[i].stream);
    }
    t->n_listeners = 0;
    streams_close(t->streams);
    uv_close((uv_handle_t *)&t->before_poll, on_closed);
    uv_close((uv_handle_t *)&t->after_poll, on_closed);
}

/* ---- questions ---- */

struct span transport_sent_by(const struct listener *l)
{
    return span_of(l->sent_by);
}

enum protocol transport_protocol(const struct listener *l)
{
    return l->protocol;
}

const char *transport_via_word(const struct listener *l)
{
    return PROTOCOLS[l->protocol].via;
}

const char *transport_uri_param(const struct listener *l)
{
    return PROTOCOLS[l->protocol].param;
}

uint16_t transport_default_port(enum protocol p)
{
    return p == PROTOCOL_TLS ? TLS_PORT : SIP_PORT;
}

enum protocol transport_protocol_of(bool secure, struct span transport_param)
{
    if (secure)
        return PROTOCOL_TLS; /* "sips:…;transport=tcp" means TLS over TCP (RFC 3261 §26.2.2) */
    for (enum protocol p = PROTOCOL_UDP; p <= PROTOCOL_TLS; p++) {
        if (span_eq_nocase(transport_param, span_of(PROTOCOLS[p].word)))
            return p;
    }
    return PROTOCOL_ANY;
}

const char *transport_name(struct transport *t, struct span host)
{
    struct name *name;
    if (host.n == 0 || host.n >= NAME_TEXT)
        return NULL;
    HASH_FIND(hh, t->names, host.p, host.n, name);
    if (name)
        return name->text;
    name = HASH_COUNT(t->names) < NAMES_MAX ? calloc(1, sizeof *name + host.n + 1) : NULL;
    if (!name)
        return NULL;
    memcpy(name->text, host.p, host.n);
    HASH_ADD_KEYPTR(hh, t->names, name->text, host.n, name);
    return name->text;
}

struct listener *transport_first(struct transport *t)
{
    return &t->listeners[0];
}

static struct listener *first_of(struct transport *t, enum protocol protocol,
                                 const struct addr *remote)
{
    for (size_t i = 0; i < t->n_listeners; i++) {
        struct listener *l = &t->listeners[i];
        if (l->protocol == protocol && same_family(&l->local, remote))
            return l;
    }
    return NULL;
}

struct listener *transport_listener_for(struct transport *t, enum protocol protocol,
                                        const struct addr *remote, struct listener *prefer)
{
    struct listener *found = NULL;
    if (protocol != PROTOCOL_ANY) {
        bool fits = prefer && prefer->protocol == protocol && same_family(&prefer->local, remote);
        return fits ? prefer : first_of(t, protocol, remote);
    }
    for (enum protocol p = PROTOCOL_UDP; p <= PROTOCOL_TLS && !found; p++)
        found = transport_listener_for(t, p, remote, prefer);
    return found;
}

/* `host` has the port asked for, or none: then the protocol's own. */
static bool is_place(const struct addr *place, const struct addr *host, enum protocol protocol)
{
    if (addr_port(host))
        return addr_eq(host, place);
    return addr_eq_host(host, place) && addr_port(place) == transport_default_port(protocol);
}

struct listener *transport_listener_at(struct transport *t, enum protocol protocol,
                                       struct span host, uint16_t port)
{
    struct addr a;
    if (addr_parse(host, port, &a) != ERR_OK)
        return NULL;
    for (size_t i = 0; i < t->n_listeners; i++) {
        struct listener *l = &t->listeners[i];
        if ((protocol == PROTOCOL_ANY || l->protocol == protocol) &&
            (is_place(&l->local, &a, l->protocol) || is_place(&l->advertised, &a, l->protocol)))
            return l;
    }
    return NULL;
}

bool transport_is_us(struct transport *t, struct span host, uint16_t port)
{
    return transport_listener_at(t, PROTOCOL_ANY, host, port) != NULL;
}

uint64_t transport_backlog_ms(const struct transport *t)
{
    uint64_t longest = 0;
    for (size_t i = 0; i < t->n_listeners; i++) {
        uint64_t ms = t->listeners[i].udp ? udp_backlog_ms(t->listeners[i].udp) : 0;
        longest = ms > longest ? ms : longest;
    }
    return longest;
}

const struct transport_counters *transport_counters(const struct transport *t)
{
    return &t->counters;
}
