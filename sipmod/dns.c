#include "dns.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "log.h"

enum {
    NAMES_MAX = 10000, /* of each kind */
    TICK_MS = 50,
    TTL_MIN_S = 1,
    TTL_MAX_S = 3600,
    FAILED_S = 5, /* a name is not asked for again so soon after it failed */
    KINDS = DNS_SERVICE + 1,
};

struct question {
    struct question *next, *prev;
    struct name *name;
    dns_fn *fn;
    void *arg;
    uint64_t deadline_ms;
};

struct name {
    UT_hash_handle hh;
    struct dns *dns;
    char text[DNS_NAME];
    enum dns_kind kind;
    bool asked;    /* the name servers' answer is awaited */
    bool known;    /* the records are those of the last answer; a failure leaves the old ones */
    void *records; /* struct addr or struct srv, NULL: none */
    size_t n;
    uint64_t fresh_until_ms;  /* 0: never asked */
    struct question *waiting; /* soonest deadline first */
};

/* A socket of c-ares. */
struct watch {
    struct watch *next, *prev;
    struct dns *dns;
    ares_socket_t fd;
    uv_poll_t poll;
};

struct dns {
    uv_loop_t *loop;
    ares_channel channel;
    bool opened, closing;
    uv_timer_t timer;
    size_t asked;              /* names */
    struct name *names[KINDS]; /* by text */
    struct watch *watches;
};

static const size_t record_size[KINDS] = {
    [DNS_HOST] = sizeof(struct addr), [DNS_SERVICE] = sizeof(struct srv)};

/* ---- answers ---- */

static void answer_none(dns_fn *fn, void *arg)
{
    fn(arg, &(struct dns_answer){.known = false});
}

static void answer(struct question *q)
{
    const struct name *n = q->name;
    struct dns_answer a; /* a copy: fn may ask again */
    void *records = n->kind == DNS_HOST ? (void *)a.addresses : (void *)a.services;
    a.known = n->known;
    a.n = n->known ? n->n : 0;
    if (a.n > 0)
        memcpy(records, n->records, a.n * record_size[n->kind]);
    q->fn(q->arg, &a);
    free(q);
}

static void answer_all(struct name *n)
{
    struct question *list = n->waiting, *q, *next;
    n->waiting = NULL;
    DL_FOREACH_SAFE(list, q, next)
    {
        answer(q);
    }
}

/* Takes over what the name servers told, for at most `ttl_s`; `records` of the name's kind. */
static void learn(struct name *n, const void *records, size_t count, int64_t ttl_s)
{
    void *copy = count > 0 ? malloc(count * record_size[n->kind]) : NULL;
    if (count > 0 && !copy)
        return; /* as after a failure */
    if (copy)
        memcpy(copy, records, count * record_size[n->kind]);
    free(n->records);
    n->records = copy;
    n->n = count;
    n->known = true;
    ttl_s = ttl_s < TTL_MIN_S ? TTL_MIN_S : ttl_s > TTL_MAX_S ? TTL_MAX_S : ttl_s;
    n->fresh_until_ms = uv_now(n->dns->loop) + (uint64_t)ttl_s * 1000;
}

static bool is_negative(int status)
{
    return status == ARES_ENOTFOUND || status == ARES_ENODATA;
}

/* Begins the reading of an answer: unless it teaches more, a failure. */
static void begin_answer(struct name *n, int status)
{
    n->asked = false;
    n->dns->asked--;
    n->fresh_until_ms = uv_now(n->dns->loop) + FAILED_S * 1000;
    if (status != ARES_SUCCESS && !n->dns->closing &&
        !(n->kind == DNS_SERVICE && is_negative(status)))
        log_warn("name %s: %s", n->text, ares_strerror(status));
}

/* Adds those of one family; the shortest TTL counts. */
static void add_addresses(const struct ares_addrinfo *info, int family, struct dns_answer *a,
                          int64_t *ttl)
{
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        if (node->ai_family != family || node->ai_addrlen > sizeof *a->addresses)
            continue;
        if (node->ai_ttl < *ttl)
            *ttl = node->ai_ttl;
        if (a->n == DNS_ADDRESSES)
            continue;
        a->addresses[a->n] = (struct addr){0};
        memcpy(&a->addresses[a->n++], node->ai_addr, node->ai_addrlen);
    }
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *n = arg;
    struct dns_answer a = {.n = 0};
    int64_t ttl = TTL_MAX_S;
    (void)timeouts;
    begin_answer(n, status);
    if (status == ARES_SUCCESS) {
        for (const struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
            ttl = c->ttl < ttl ? c->ttl : ttl;
        add_addresses(info, AF_INET, &a, &ttl);
        add_addresses(info, AF_INET6, &a, &ttl);
    }
    if (status == ARES_SUCCESS || is_negative(status))
        learn(n, a.addresses, a.n, a.n > 0 ? ttl : FAILED_S);
    if (info)
        ares_freeaddrinfo(info);
    answer_all(n);
}

static void on_services(void *arg, int status, int timeouts, unsigned char *bytes, int length)
{
    struct name *n = arg;
    struct srv list[SRV_MAX];
    size_t count = 0;
    int64_t ttl = -1;
    (void)timeouts;
    begin_answer(n, status);
    int err =
        bytes && length > 0 ? srv_read(bytes, (size_t)length, list, &count, &ttl) : ERR_INVALID;
    if (status == ARES_SUCCESS && err != ERR_OK)
        log_warn("name %s: the answer can't be read", n->text);
    if (is_negative(status))
        learn(n, NULL, 0, err == ERR_OK && ttl >= 0 ? ttl : FAILED_S);
    else if (status == ARES_SUCCESS && err == ERR_OK)
        learn(n, list, count, ttl >= 0 ? ttl : FAILED_S);
    answer_all(n);
}

/* ---- the loop ---- */

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct watch *w = handle->data;
    bool in = status < 0 || (events & UV_READABLE), out = status < 0 || (events & UV_WRITABLE);
    ares_process_fd(w->dns->channel, in ? w->fd : ARES_SOCKET_BAD, out ? w->fd : ARES_SOCKET_BAD);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *find_watch(struct dns *d, ares_socket_t fd)
{
    struct watch *w;
    DL_FOREACH(d->watches, w)
    {
        if (w->fd == fd)
            return w;
    }
    return NULL;
}

static struct watch *add_watch(struct dns *d, ares_socket_t fd)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w || uv_poll_init_socket(d->loop, &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    w->dns = d;
    w->fd = fd;
    w->poll.data = w;
    DL_APPEND(d->watches, w);
    return w;
}

/* c-ares tells what it waits for; neither: it closes the socket next. */
static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct dns *d = arg;
    struct watch *w = find_watch(d, fd);
    int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
    if (!w && events)
        w = add_watch(d, fd);
    if (!w)
        return; /* without memory the question times out */
    if (events) {
        uv_poll_start(&w->poll, events, on_poll);
        return;
    }
    DL_DELETE(d->watches, w);
    uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

/* Moves the questions that have waited long enough to `late`; their name's answer may still come.
 */
static void take_late(struct name *n, uint64_t now, struct question **late)
{
    while (n->waiting && n->waiting->deadline_ms <= now) {
        struct question *q = n->waiting;
        DL_DELETE(n->waiting, q);
        DL_APPEND(*late, q);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct dns *d = timer->data;
    struct question *late = NULL, *q, *next;
    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (int kind = 0; kind < KINDS; kind++) {
        for (struct name *n = d->names[kind]; n; n = n->hh.next)
            take_late(n, uv_now(d->loop), &late);
    }
    /* Their names stay, since an answer is awaited. */
    DL_FOREACH_SAFE(late, q, next)
    {
        answer(q);
    }
    if (d->asked == 0)
        uv_timer_stop(timer);
}

/* ---- names ---- */

static void drop_name(struct dns *d, struct name *n)
{
    HASH_DEL(d->names[n->kind], n);
    free(n->records);
    free(n);
}

static void forget_stale(struct dns *d, enum dns_kind kind)
{
    struct name *n, *next;
    HASH_ITER(hh, d->names[kind], n, next)
    {
        if (!n->asked && n->fresh_until_ms <= uv_now(d->loop))
            drop_name(d, n);
    }
}

static struct name *name_of(struct dns *d, enum dns_kind kind, struct span text)
{
    struct name *n;
    HASH_FIND(hh, d->names[kind], text.p, text.n, n);
    if (n || text.n >= DNS_NAME)
        return n;
    if (HASH_COUNT(d->names[kind]) >= NAMES_MAX)
        forget_stale(d, kind);
    n = HASH_COUNT(d->names[kind]) < NAMES_MAX ? calloc(1, sizeof *n) : NULL;
    if (!n || !span_copy(text, n->text, sizeof n->text)) {
        free(n);
        return NULL;
    }
    n->dns = d;
    n->kind = kind;
    HASH_ADD_KEYPTR(hh, d->names[kind], n->text, text.n, n);
    return n;
}

static void ask(struct name *n)
{
    static const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = ARES_AI_NOSORT};
    struct dns *d = n->dns;
    if (n->asked)
        return;
    n->asked = true;
    if (d->asked++ == 0)
        uv_timer_start(&d->timer, on_tick, TICK_MS, TICK_MS);
    if (n->kind == DNS_HOST)
        ares_getaddrinfo(d->channel, n->text, NULL, &hints, on_addresses, n);
    else
        ares_query(d->channel, n->text, ns_c_in, ns_t_srv, on_services, n);
}

static int later(const struct question *a, const struct question *b)
{
    return (a->deadline_ms > b->deadline_ms) - (a->deadline_ms < b->deadline_ms);
}

/* Nearly all have the same patience: the place is at the end. */
static void queue(struct name *n, struct question *q)
{
    if (!n->waiting || later(q, n->waiting->prev) >= 0)
        DL_APPEND(n->waiting, q);
    else
        DL_INSERT_INORDER(n->waiting, q, later);
}

static struct question *wait_for(struct name *n, uint64_t deadline_ms, dns_fn *fn, void *arg)
{
    struct question *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->name = n;
    q->fn = fn;
    q->arg = arg;
    q->deadline_ms = deadline_ms;
    queue(n, q);
    return q;
}

void dns_ask(struct dns *d, enum dns_kind kind, struct span name, uint64_t deadline_ms, dns_fn *fn,
             void *arg)
{
    struct name *n = d->closing ? NULL : name_of(d, kind, name);
    struct question *q = n ? wait_for(n, deadline_ms, fn, arg) : NULL;
    if (!q)
        answer_none(fn, arg);
    else if (n->fresh_until_ms > uv_now(d->loop))
        answer_all(n);
    else
        ask(n);
}

/* ---- life ---- */

int dns_new(struct dns **ret, uv_loop_t *loop, const struct conf *conf)
{
    struct dns *d = calloc(1, sizeof *d);
    if (!d)
        return ERR_NOMEM;
    struct ares_options options = {.sock_state_cb = on_socket,
                                   .sock_state_cb_data = d,
                                   .timeout = (int)conf->sip.resolve_ms,
                                   .tries = 2};
    d->loop = loop;
    int err = ares_library_init(ARES_LIB_INIT_ALL);
    if (err == ARES_SUCCESS)
        err = ares_init_options(&d->channel, &options,
                                ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (err == ARES_SUCCESS) {
        d->opened = true;
        if (conf->sip.resolver[0])
            err = ares_set_servers_ports_csv(d->channel, conf->sip.resolver);
    }
    uv_timer_init(loop, &d->timer);
    d->timer.data = d;
    if (err != ARES_SUCCESS) {
        log_error("sip.resolver: %s", ares_strerror(err));
        dns_free(d);
        return ERR_INVALID;
    }
    *ret = d;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct dns *d = handle->data;
    for (int kind = 0; kind < KINDS; kind++) {
        while (d->names[kind])
            drop_name(d, d->names[kind]);
    }
    free(d);
}

void dns_free(struct dns *d)
{
    if (!d)
        return;
    d->closing = true;
    if (d->opened)
        ares_destroy(d->channel); /* answers what is asked */
    ares_library_cleanup();
    uv_close((uv_handle_t *)&d->timer, on_closed);
}
