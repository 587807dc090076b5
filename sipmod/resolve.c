#include "resolve.h"

#include <ares.h>
#include <netdb.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "log.h"

enum {
    NAME = 256,
    NAMES_MAX = 10000,
    TICK_MS = 50,
    TTL_MIN_S = 1,
    TTL_MAX_S = 3600,
    FAILED_S = 5, /* a name is not asked for again so soon after it failed */
};

struct question {
    struct question *next, *prev;
    resolve_fn *fn;
    void *arg;
    uint16_t port;
    uint64_t deadline_ms;
    bool known; /* late: what is known of the name after all */
    struct addr address;
};

struct name {
    UT_hash_handle hh;
    struct resolver *resolver;
    char text[NAME];
    bool asked;               /* the name servers' answer is awaited */
    bool known;               /* address is set; after a failure the old one is kept */
    struct addr address;      /* without port */
    uint64_t fresh_until_ms;  /* 0: never asked */
    struct question *waiting; /* oldest first */
};

/* A socket of c-ares. */
struct watch {
    struct watch *next, *prev;
    struct resolver *resolver;
    ares_socket_t fd;
    uv_poll_t poll;
};

struct resolver {
    uv_loop_t *loop;
    const struct conf *conf;
    ares_channel channel;
    bool opened, closing;
    uv_timer_t timer;
    size_t asked; /* names */
    struct name *names;
    struct watch *watches;
};

/* ---- answers ---- */

static void answer(struct question *q, const struct addr *address)
{
    struct addr a;
    if (address) {
        a = *address;
        if (a.sa.sa_family == AF_INET6)
            a.v6.sin6_port = htons(q->port);
        else
            a.v4.sin_port = htons(q->port);
    }
    q->fn(q->arg, address ? &a : NULL);
    free(q);
}

static void answer_all(struct name *n)
{
    struct question *list = n->waiting, *q, *next;
    struct addr address = n->address;
    bool known = n->known;
    n->waiting = NULL;
    DL_FOREACH_SAFE(list, q, next)
    {
        answer(q, known ? &address : NULL);
    }
}

/* IPv4 before IPv6; the shortest TTL counts. */
static bool take_address(struct name *n, const struct ares_addrinfo *info, int *ret_ttl)
{
    const struct ares_addrinfo_node *best = NULL;
    *ret_ttl = TTL_MAX_S;
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        if (node->ai_addrlen > sizeof n->address)
            continue;
        if (!best || (best->ai_family != AF_INET && node->ai_family == AF_INET))
            best = node;
        if (node->ai_ttl < *ret_ttl)
            *ret_ttl = node->ai_ttl;
    }
    if (!best)
        return false;
    n->address = (struct addr){0};
    memcpy(&n->address, best->ai_addr, best->ai_addrlen);
    return true;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *n = arg;
    struct resolver *r = n->resolver;
    int ttl = FAILED_S;
    (void)timeouts;
    n->asked = false;
    r->asked--;
    if (status == ARES_SUCCESS && take_address(n, info, &ttl))
        n->known = true;
    else if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
        n->known = false;
    if (status != ARES_SUCCESS && !r->closing)
        log_warn("name %s: %s", n->text, ares_strerror(status));
    if (ttl < TTL_MIN_S)
        ttl = TTL_MIN_S;
    n->fresh_until_ms = uv_now(r->loop) + (uint64_t)ttl * 1000;
    if (info)
        ares_freeaddrinfo(info);
    answer_all(n);
}

/* ---- the loop ---- */

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct watch *w = handle->data;
    bool in = status < 0 || (events & UV_READABLE), out = status < 0 || (events & UV_WRITABLE);
    ares_process_fd(w->resolver->channel, in ? w->fd : ARES_SOCKET_BAD,
                    out ? w->fd : ARES_SOCKET_BAD);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *find_watch(struct resolver *r, ares_socket_t fd)
{
    struct watch *w;
    DL_FOREACH(r->watches, w)
    {
        if (w->fd == fd)
            return w;
    }
    return NULL;
}

static struct watch *add_watch(struct resolver *r, ares_socket_t fd)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w || uv_poll_init_socket(r->loop, &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    w->resolver = r;
    w->fd = fd;
    w->poll.data = w;
    DL_APPEND(r->watches, w);
    return w;
}

/* c-ares tells what it waits for; neither: it closes the socket next. */
static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = arg;
    struct watch *w = find_watch(r, fd);
    int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
    if (!w && events)
        w = add_watch(r, fd);
    if (!w)
        return; /* without memory the question times out */
    if (events) {
        uv_poll_start(&w->poll, events, on_poll);
        return;
    }
    DL_DELETE(r->watches, w);
    uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

/* Moves the questions that have waited long enough to `late`; the name's answer may still come. */
static void take_late(struct name *n, uint64_t now, struct question **late)
{
    while (n->waiting && n->waiting->deadline_ms <= now) {
        struct question *q = n->waiting;
        DL_DELETE(n->waiting, q);
        q->known = n->known;
        q->address = n->address;
        DL_APPEND(*late, q);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct resolver *r = timer->data;
    struct question *late = NULL, *q, *next_late;
    struct name *n, *next;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    HASH_ITER(hh, r->names, n, next)
    {
        take_late(n, uv_now(r->loop), &late);
    }
    if (r->asked == 0)
        uv_timer_stop(timer);
    DL_FOREACH_SAFE(late, q, next_late)
    {
        answer(q, q->known ? &q->address : NULL);
    }
}

/* ---- names ---- */

static void forget_stale(struct resolver *r)
{
    struct name *n, *next;
    HASH_ITER(hh, r->names, n, next)
    {
        if (n->asked || n->fresh_until_ms > uv_now(r->loop))
            continue;
        HASH_DEL(r->names, n);
        free(n);
    }
}

static struct name *name_of(struct resolver *r, struct span host)
{
    struct name *n;
    HASH_FIND(hh, r->names, host.p, host.n, n);
    if (n || host.n >= NAME)
        return n;
    if (HASH_COUNT(r->names) >= NAMES_MAX)
        forget_stale(r);
    n = HASH_COUNT(r->names) < NAMES_MAX ? calloc(1, sizeof *n) : NULL;
    if (!n || !span_copy(host, n->text, sizeof n->text)) {
        free(n);
        return NULL;
    }
    n->resolver = r;
    HASH_ADD_KEYPTR(hh, r->names, n->text, host.n, n);
    return n;
}

static void ask(struct name *n)
{
    struct resolver *r = n->resolver;
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    if (n->asked)
        return;
    n->asked = true;
    if (r->asked++ == 0)
        uv_timer_start(&r->timer, on_tick, TICK_MS, TICK_MS);
    ares_getaddrinfo(r->channel, n->text, NULL, &hints, on_answer, n);
}

static struct question *wait_for(struct name *n, uint16_t port, resolve_fn *fn, void *arg)
{
    struct resolver *r = n->resolver;
    struct question *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->fn = fn;
    q->arg = arg;
    q->port = port;
    q->deadline_ms = uv_now(r->loop) + (uint64_t)r->conf->sip.resolve_ms;
    DL_APPEND(n->waiting, q);
    return q;
}

void resolve_host(struct resolver *r, struct span host, uint16_t port, resolve_fn *fn, void *arg)
{
    struct addr address;
    if (addr_parse(host, port, &address) == ERR_OK) {
        fn(arg, &address);
        return;
    }
    struct name *n = r->closing ? NULL : name_of(r, host);
    struct question *q = n ? wait_for(n, port, fn, arg) : NULL;
    if (!q)
        fn(arg, NULL);
    else if (n->fresh_until_ms > uv_now(r->loop))
        answer_all(n);
    else
        ask(n);
}

/* ---- life ---- */

int resolver_new(struct resolver **ret, uv_loop_t *loop, const struct conf *conf)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    struct ares_options options = {.sock_state_cb = on_socket,
                                   .sock_state_cb_data = r,
                                   .timeout = (int)conf->sip.resolve_ms,
                                   .tries = 2};
    r->loop = loop;
    r->conf = conf;
    int err = ares_library_init(ARES_LIB_INIT_ALL);
    if (err == ARES_SUCCESS)
        err = ares_init_options(&r->channel, &options,
                                ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (err == ARES_SUCCESS) {
        r->opened = true;
        if (conf->sip.resolver[0])
            err = ares_set_servers_ports_csv(r->channel, conf->sip.resolver);
    }
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
    if (err != ARES_SUCCESS) {
        log_error("sip.resolver: %s", ares_strerror(err));
        resolver_free(r);
        return ERR_INVALID;
    }
    *ret = r;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct resolver *r = handle->data;
    struct name *n, *next;
    HASH_ITER(hh, r->names, n, next)
    {
        HASH_DEL(r->names, n);
        free(n);
    }
    free(r);
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    r->closing = true;
    if (r->opened)
        ares_destroy(r->channel); /* answers what is asked */
    ares_library_cleanup();
    uv_close((uv_handle_t *)&r->timer, on_closed);
}
