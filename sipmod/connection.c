#include "connection.h"

#include <netinet/tcp.h>
#include <stdlib.h>

#include "log.h"

enum {
    READ_BYTES = 64 * 1024,
    PLAIN_BYTES = 16 * 1024,   /* a TLS record */
    QUEUE_MAX = 256 * 1024,    /* bytes that may wait to be sent */
    PARTIAL_MS = 10000,        /* a message must be whole in so long, a peer's handshake done */
    STRANGER_MS = 10000,       /* the first wanted message must come in so long */
    ENDING_MS = 2000,          /* for last words to arrive */
    UNACKNOWLEDGED_MS = 20000, /* a peer that is gone without a word (RFC 5482) */
    KEEPALIVE_S = 60,
};

/* A queued write. */
struct write {
    uv_write_t request;
    char bytes[];
};

static char read_bytes[READ_BYTES], plain_bytes[PLAIN_BYTES]; /* one loop, one read at a time */

static struct transport *transport_of(const struct connection *c)
{
    return c->listener->transport;
}

static uint64_t now_of(const struct connection *c)
{
    return uv_now(transport_of(c)->loop);
}

/* ---- showing ---- */

static void show(struct connection *c, bool out, struct span bytes)
{
    uint32_t *mine = out ? &c->said : &c->heard, *other = out ? &c->heard : &c->said;
    struct transport_message m = {.out = out,
                                  .protocol = c->listener->protocol,
                                  .local = &c->local,
                                  .remote = &c->remote,
                                  .seq = *mine,
                                  .ack = *other,
                                  .bytes = bytes};
    transport_show(c->listener, &m);
    *mine += (uint32_t)bytes.n;
}

/* One by one: several may have waited for the connection. */
static void show_sent(struct connection *c, struct span bytes)
{
    struct frame frame = {0};
    size_t n;
    while (bytes.n > 0 &&
           frame_next(&frame, bytes, transport_of(c)->message_max, &n) == FRAME_MESSAGE) {
        show(c, true, (struct span){bytes.p, n});
        bytes = (struct span){bytes.p + n, bytes.n - n};
    }
    if (bytes.n > 0)
        show(c, true, bytes);
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    tls_free(c->tls);
    bytes_free(&c->in);
    bytes_free(&c->waiting);
    stream_gone(c->streams, c);
}

void connection_close(struct connection *c)
{
    if (c->state == CONNECTION_CLOSING)
        return;
    c->state = CONNECTION_CLOSING;
    timer_stop(transport_of(c)->wheel, &c->limit);
    stream_retire(c->streams, c);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void give_up(struct connection *c, const char *why)
{
    char place[ADDR_PORT_TEXT];
    log_debug("connection %s %s closed: %s", c->inbound ? "from" : "to",
              addr_port_text(&c->remote, place), why);
    connection_close(c);
}

/* ---- sending ---- */

static void on_written(uv_write_t *request, int status)
{
    struct connection *c = request->handle->data;
    if (status < 0)
        connection_close(c);
    free(request->data);
}

static void enqueue(struct connection *c, struct span bytes)
{
    if (uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) + bytes.n > QUEUE_MAX) {
        give_up(c, "it does not read what we send");
        return;
    }
    struct write *w = malloc(sizeof *w + bytes.n);
    if (!w) {
        give_up(c, "no memory");
        return;
    }
    memcpy(w->bytes, bytes.p, bytes.n);
    w->request.data = w;
    uv_buf_t buf = uv_buf_init(w->bytes, (unsigned)bytes.n);
    int err = uv_write(&w->request, (uv_stream_t *)&c->tcp, &buf, 1, on_written);
    if (err < 0) {
        free(w);
        give_up(c, uv_strerror(err));
    }
}

static void put_raw(struct connection *c, struct span bytes)
{
    uv_stream_t *stream = (uv_stream_t *)&c->tcp;
    if (c->state == CONNECTION_CLOSING || bytes.n == 0)
        return;
    uv_buf_t buf = uv_buf_init((char *)bytes.p, (unsigned)bytes.n);
    int n = uv_stream_get_write_queue_size(stream) ? UV_EAGAIN : uv_try_write(stream, &buf, 1);
    if (n == UV_EAGAIN)
        n = 0;
    if (n < 0)
        give_up(c, uv_strerror(n));
    else if ((size_t)n < bytes.n)
        enqueue(c, (struct span){bytes.p + n, bytes.n - (size_t)n});
}

static void flush_tls(struct connection *c)
{
    struct span out;
    while (c->tls && (out = tls_take_out(c->tls)).n > 0)
        put_raw(c, out);
}

static void put(struct connection *c, struct span bytes)
{
    char why[TLS_ERROR];
    if (!c->tls) {
        put_raw(c, bytes);
    } else if (tls_write(c->tls, bytes) == ERR_OK) {
        flush_tls(c);
    } else {
        give_up(c, tls_fault(c->tls, why));
    }
}

void connection_send(struct connection *c, struct span bytes)
{
    if (c->state == CONNECTION_OPEN) {
        c->last_ms = now_of(c);
        transport_of(c)->counters.sent++;
        show(c, true, bytes);
        put(c, bytes);
    } else if (c->state == CONNECTION_OPENING) {
        if (c->waiting.n + bytes.n > QUEUE_MAX || bytes_add(&c->waiting, bytes) != ERR_OK)
            give_up(c, "too much waits for it to open");
    }
}

/* ---- ending ---- */

static void on_shutdown(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status; /* the peer closes, or the time limit does */
}

static void on_limit(struct timer *timer);

/* Lets what was sent arrive: closing a socket with unread bytes in it would reset it. */
static void end(struct connection *c)
{
    if (c->state == CONNECTION_CLOSING)
        return;
    if (c->tls) {
        tls_end(c->tls);
        flush_tls(c);
    }
    if (c->state == CONNECTION_CLOSING)
        return;
    c->state = CONNECTION_ENDING;
    stream_retire(c->streams, c);
    timer_set(transport_of(c)->wheel, &c->limit, ENDING_MS, on_limit);
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) < 0)
        connection_close(c);
}

/* ---- time limits ---- */

static uint64_t due(const struct connection *c)
{
    uint64_t idle = (uint64_t)transport_of(c)->conf->sip.stream_idle_s * 1000;
    uint64_t at = c->last_ms + (c->welcome ? idle : STRANGER_MS);
    uint64_t partial = c->partial_ms + PARTIAL_MS;
    return c->in.n > 0 && partial < at ? partial : at;
}

static void on_limit(struct timer *timer)
{
    struct connection *c = timer_owner(timer, struct connection, limit);
    uint64_t now = now_of(c), at = due(c);
    if (c->state == CONNECTION_OPENING)
        give_up(c, c->inbound ? "no handshake" : "no answer");
    else if (c->state == CONNECTION_ENDING)
        connection_close(c);
    else if (now < at)
        timer_set(transport_of(c)->wheel, &c->limit, at - now, on_limit);
    else
        give_up(c, c->in.n > 0 ? "an unfinished message" : "nothing to do");
}

static void watch(struct connection *c)
{
    uint64_t now = now_of(c), at = due(c);
    timer_set(transport_of(c)->wheel, &c->limit, at > now ? at - now : 0, on_limit);
}

/* ---- messages ---- */

static struct flow flow_of(const struct connection *c)
{
    return (struct flow){.listener = c->listener, .remote = c->remote, .connection = c->id};
}

static void take_message(struct connection *c, struct span bytes)
{
    struct transport *t = transport_of(c);
    struct flow flow = flow_of(c);
    t->counters.received++;
    show(c, false, bytes);
    bool wanted = t->events.receive(t->events.arg, &flow, bytes);
    if (c->state != CONNECTION_OPEN)
        return;
    if (wanted && !c->welcome) {
        c->welcome = true;
        stream_welcome(c->streams, c);
        watch(c); /* other limits than a stranger's */
    }
    if (c->welcome)
        c->last_ms = now_of(c);
    else
        give_up(c, "not of interest");
}

static void take_ping(struct connection *c)
{
    if (c->welcome)
        c->last_ms = now_of(c);
    put(c, SPAN_LIT("\r\n"));
}

static void take_fault(struct connection *c, struct span head, enum frame_found found)
{
    struct transport *t = transport_of(c);
    struct flow flow = flow_of(c);
    bool large = found == FRAME_TOO_LARGE;
    t->counters.too_large += large;
    show(c, false, head);
    t->events.malformed(t->events.arg, &flow, head, large ? 513 : 400,
                        large ? "Message too large" : c->frame.fault);
    end(c);
}

static void take_found(struct connection *c, struct span found, enum frame_found what)
{
    if (what == FRAME_MESSAGE)
        take_message(c, found);
    else if (what == FRAME_PING)
        take_ping(c);
    else if (what != FRAME_BLANK)
        take_fault(c, found, what);
}

/* All whole messages of c->in. */
static void take_messages(struct connection *c)
{
    size_t at = 0, n;
    while (c->state == CONNECTION_OPEN) {
        struct span rest = {c->in.p + at, c->in.n - at};
        enum frame_found what = frame_next(&c->frame, rest, transport_of(c)->message_max, &n);
        if (what == FRAME_MORE)
            break;
        take_found(c, (struct span){rest.p, n}, what);
        at += n;
    }
    bool begun = at > 0 || c->partial_ms == 0;
    bytes_drop(&c->in, at);
    if (c->in.n == 0)
        c->partial_ms = 0;
    if (c->in.n == 0 || !begun || c->state != CONNECTION_OPEN)
        return;
    c->partial_ms = now_of(c);
    watch(c);
}

static void take_plain(struct connection *c, struct span bytes)
{
    if (c->state != CONNECTION_OPEN)
        return;
    if (bytes_add(&c->in, bytes) == ERR_OK)
        take_messages(c);
    else
        give_up(c, "no memory");
}

/* ---- opening ---- */

static void become_open(struct connection *c)
{
    struct bytes waiting = c->waiting;
    c->waiting = (struct bytes){0};
    c->state = CONNECTION_OPEN;
    c->last_ms = now_of(c);
    watch(c);
    if (waiting.n > 0) {
        transport_of(c)->counters.sent++;
        show_sent(c, bytes_span(&waiting));
        put(c, bytes_span(&waiting));
    }
    bytes_free(&waiting);
}

static void take_encrypted(struct connection *c, struct span bytes)
{
    char why[TLS_ERROR];
    size_t n = 0;
    int err = tls_feed(c->tls, bytes);
    flush_tls(c); /* an alert, too */
    if (err == ERR_OK && c->state == CONNECTION_OPENING && tls_is_open(c->tls))
        become_open(c);
    while (err == ERR_OK && c->state == CONNECTION_OPEN) {
        err = tls_read(c->tls, plain_bytes, sizeof plain_bytes, &n);
        if (n == 0)
            break;
        take_plain(c, (struct span){plain_bytes, n});
    }
    if (err != ERR_OK)
        give_up(c, err == ERR_UNAVAILABLE ? "the other side ended" : tls_fault(c->tls, why));
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(read_bytes, sizeof read_bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = stream->data;
    if (n < 0)
        give_up(c, uv_strerror((int)n));
    else if (n == 0 || c->state == CONNECTION_ENDING)
        return;
    else if (c->tls)
        take_encrypted(c, (struct span){buf->base, (size_t)n});
    else
        take_plain(c, (struct span){buf->base, (size_t)n});
}

static int begin(struct connection *c)
{
    int fd, limit = UNACKNOWLEDGED_MS, n = sizeof c->local;
    if (uv_tcp_getsockname(&c->tcp, &c->local.sa, &n) != 0)
        c->local = c->listener->local;
    (void)uv_tcp_nodelay(&c->tcp, 1);
    (void)uv_tcp_keepalive(&c->tcp, 1, KEEPALIVE_S);
    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
    return uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) == 0 ? ERR_OK : ERR_SYSTEM;
}

static int init(struct connection *c)
{
    if (uv_tcp_init(transport_of(c)->loop, &c->tcp) != 0)
        return ERR_SYSTEM;
    c->tcp.data = c;
    transport_hold(transport_of(c));
    return ERR_OK;
}

/* Of an accepted socket; its handle is open whatever the result. */
static int take_peer(struct connection *c, uv_stream_t *server)
{
    int n = sizeof c->remote;
    if (uv_accept(server, (uv_stream_t *)&c->tcp) != 0 ||
        uv_tcp_getpeername(&c->tcp, &c->remote.sa, &n) != 0)
        return ERR_SYSTEM;
    if (c->listener->protocol == PROTOCOL_TLS) {
        c->tls = tls_server(transport_of(c)->tls);
        if (!c->tls)
            return ERR_NOMEM;
    }
    return begin(c);
}

int connection_accept(struct connection *c, uv_stream_t *server)
{
    int err = init(c);
    if (err != ERR_OK)
        return err;
    c->inbound = true;
    if (take_peer(c, server) != ERR_OK) {
        connection_close(c);
        return ERR_OK;
    }
    if (c->tls)
        timer_set(transport_of(c)->wheel, &c->limit, PARTIAL_MS, on_limit);
    else
        become_open(c);
    return ERR_OK;
}

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *c = request->handle->data;
    if (status == UV_ECANCELED)
        return; /* closed meanwhile */
    if (status < 0) {
        give_up(c, uv_strerror(status));
    } else if (begin(c) != ERR_OK) {
        give_up(c, "it can't be read");
    } else {
        transport_of(c)->counters.connected++;
        flush_tls(c);
        if (!c->tls)
            become_open(c);
    }
}

/* From our own address, by which the peer knows us. */
static int bind_local(struct connection *c)
{
    struct addr local = c->listener->local;
    if (addr_is_unroutable(&local))
        return 0; /* a wildcard: the kernel chooses */
    if (local.sa.sa_family == AF_INET6)
        local.v6.sin6_port = 0;
    else
        local.v4.sin_port = 0;
    return uv_tcp_bind(&c->tcp, &local.sa, 0);
}

int connection_open(struct connection *c, const char *name)
{
    struct transport *t = transport_of(c);
    if (c->listener->protocol == PROTOCOL_TLS) {
        c->tls = tls_client(t->tls, name, &c->remote);
        if (!c->tls)
            return ERR_NOMEM;
    }
    int err = init(c);
    if (err != ERR_OK) {
        tls_free(c->tls);
        return err;
    }
    c->welcome = true;
    int rc = bind_local(c);
    if (rc == 0)
        rc = uv_tcp_connect(&c->connect, &c->tcp, &c->remote.sa, on_connected);
    if (rc != 0)
        give_up(c, uv_strerror(rc));
    else
        timer_set(t->wheel, &c->limit, (uint64_t)t->conf->sip.connect_ms, on_limit);
    return ERR_OK;
}
