#include "capture_hep.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bytes.h"
#include "capture_find.h"
#include "listen.h"
#include "log.h"
#include "out.h"

enum {
    PACKET = 65535,
    QUEUE_MAX = 1024 * 1024, /* bytes that wait for TCP */
    FLUSH_MS = 20,
    RETRY_MS = 2000,
    CONNECT_MS = 5000,
};

/* Chunks of the generic vendor. */
enum chunk {
    CHUNK_FAMILY = 1,
    CHUNK_PROTOCOL = 2,
    CHUNK_FROM_V4 = 3,
    CHUNK_TO_V4 = 4,
    CHUNK_FROM_V6 = 5,
    CHUNK_TO_V6 = 6,
    CHUNK_FROM_PORT = 7,
    CHUNK_TO_PORT = 8,
    CHUNK_SECONDS = 9,
    CHUNK_MICROSECONDS = 10,
    CHUNK_TYPE = 11,
    CHUNK_AGENT = 12,
    CHUNK_KEY = 14,
    CHUNK_PAYLOAD = 15,
    CHUNK_CORRELATION = 17,
};

enum { TYPE_SIP = 1, CHUNK_HEAD = 6 };

/* ---- packets ---- */

static void put_number(struct out *o, uint32_t v, size_t bytes)
{
    char text[4];
    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)(v >> 8 * (bytes - 1 - i));
    out_span(o, (struct span){text, bytes});
}

static void put_bytes(struct out *o, enum chunk type, struct span value)
{
    put_number(o, 0, 2);
    put_number(o, type, 2);
    put_number(o, (uint32_t)(CHUNK_HEAD + value.n), 2);
    out_span(o, value);
}

static void put_value(struct out *o, enum chunk type, uint32_t v, size_t bytes)
{
    put_number(o, 0, 2);
    put_number(o, type, 2);
    put_number(o, (uint32_t)(CHUNK_HEAD + bytes), 2);
    put_number(o, v, bytes);
}

static void put_addresses(struct out *o, const struct addr *from, const struct addr *to)
{
    if (from->sa.sa_family == AF_INET6) {
        put_bytes(o, CHUNK_FROM_V6, (struct span){(const char *)&from->v6.sin6_addr, 16});
        put_bytes(o, CHUNK_TO_V6, (struct span){(const char *)&to->v6.sin6_addr, 16});
    } else {
        put_bytes(o, CHUNK_FROM_V4, (struct span){(const char *)&from->v4.sin_addr, 4});
        put_bytes(o, CHUNK_TO_V4, (struct span){(const char *)&to->v4.sin_addr, 4});
    }
    put_value(o, CHUNK_FROM_PORT, addr_port(from), 2);
    put_value(o, CHUNK_TO_PORT, addr_port(to), 2);
}

size_t capture_hep_write(const struct capture_message *m, uint32_t id, struct span password,
                         char *buf, size_t cap)
{
    const struct transport_message *w = &m->wire;
    const struct addr *from = w->out ? w->local : w->remote, *to = w->out ? w->remote : w->local;
    struct span callid = capture_find_call_id(w->bytes);
    struct out o = {.buf = buf, .cap = cap < PACKET ? cap : PACKET};
    out_text(&o, "HEP3");
    put_number(&o, 0, 2);
    put_value(&o, CHUNK_FAMILY, from->sa.sa_family == AF_INET6 ? 10 : 2, 1);
    put_value(&o, CHUNK_PROTOCOL, w->protocol == PROTOCOL_UDP ? IPPROTO_UDP : IPPROTO_TCP, 1);
    put_addresses(&o, from, to);
    put_value(&o, CHUNK_SECONDS, (uint32_t)(m->at_us / 1000000), 4);
    put_value(&o, CHUNK_MICROSECONDS, (uint32_t)(m->at_us % 1000000), 4);
    put_value(&o, CHUNK_TYPE, TYPE_SIP, 1);
    put_value(&o, CHUNK_AGENT, id, 4);
    if (password.n)
        put_bytes(&o, CHUNK_KEY, password);
    if (callid.n)
        put_bytes(&o, CHUNK_CORRELATION, callid);
    put_bytes(&o, CHUNK_PAYLOAD, w->bytes);
    size_t n = out_done(&o).n;
    if (n == 0)
        return 0;
    struct out length = {.buf = buf + 4, .cap = 2};
    put_number(&length, (uint32_t)n, 2);
    return n;
}

/* ---- the way there ---- */

enum state {
    STATE_LOST,    /* tried again after a while */
    STATE_LOOKUP,  /* its address is looked up */
    STATE_OPENING, /* TCP */
    STATE_OPEN,
    STATE_CLOSING, /* TCP: the loop lets go of the handle */
};

struct capture_hep {
    uv_loop_t *loop;
    const struct conf *conf;
    struct collector to;
    enum state state;
    bool ending, complained;
    uv_timer_t timer; /* to try again, or to send what waits */
    uv_getaddrinfo_t lookup;
    int fd; /* UDP; -1: none */
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct bytes waiting, writing; /* TCP: whole packets */
    size_t n_waiting, n_writing;
    bool busy;
    struct capture_hep_counts counts;
    char packet[PACKET], read[256];
};

static void on_timer(uv_timer_t *timer);
static void flush(struct capture_hep *h);
static void finish(struct capture_hep *h);

static void lose(struct capture_hep *h, const char *why)
{
    if (!h->complained && !h->ending)
        log_warn("capture.hep %s: %s: it is tried again, calls go on", h->conf->capture.hep, why);
    h->complained = true;
    h->state = STATE_LOST;
    if (!h->ending)
        uv_timer_start(&h->timer, on_timer, RETRY_MS, 0);
    else
        finish(h);
}

static void become_open(struct capture_hep *h)
{
    if (h->complained)
        log_info("capture.hep %s is reached again", h->conf->capture.hep);
    h->complained = false;
    h->state = STATE_OPEN;
    uv_timer_start(&h->timer, on_timer, FLUSH_MS, 0);
}

/* ---- TCP ---- */

static void on_tcp_closed(uv_handle_t *handle)
{
    struct capture_hep *h = handle->data;
    lose(h, "the connection is gone");
}

static void hang_up(struct capture_hep *h)
{
    if (h->state == STATE_CLOSING)
        return;
    h->state = STATE_CLOSING;
    uv_timer_stop(&h->timer);
    uv_close((uv_handle_t *)&h->tcp, on_tcp_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct capture_hep *h = handle->data;
    (void)suggested;
    *buf = uv_buf_init(h->read, sizeof h->read);
}

/* Homer says nothing: what counts is its end. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    if (n < 0)
        hang_up(stream->data);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct capture_hep *h = request->data;
    if (h->state != STATE_OPENING)
        return;
    if (status < 0 || uv_read_start((uv_stream_t *)&h->tcp, on_alloc, on_read) != 0)
        hang_up(h);
    else
        become_open(h);
}

static void on_written(uv_write_t *request, int status)
{
    struct capture_hep *h = request->data;
    h->busy = false;
    if (status < 0)
        h->counts.dropped += h->n_writing;
    else
        h->counts.sent += h->n_writing;
    bytes_free(&h->writing);
    h->n_writing = 0;
    if (status < 0)
        hang_up(h);
    else
        flush(h);
}

static void flush(struct capture_hep *h)
{
    if (h->state != STATE_OPEN || h->busy || h->waiting.n == 0)
        return;
    h->writing = h->waiting;
    h->n_writing = h->n_waiting;
    h->waiting = (struct bytes){0};
    h->n_waiting = 0;
    h->write.data = h;
    h->busy = true;
    uv_buf_t buf = uv_buf_init(h->writing.p, (unsigned)h->writing.n);
    int err = uv_write(&h->write, (uv_stream_t *)&h->tcp, &buf, 1, on_written);
    if (err < 0)
        on_written(&h->write, err);
}

static void open_tcp(struct capture_hep *h, const struct sockaddr *to)
{
    h->state = STATE_OPENING;
    uv_tcp_init(h->loop, &h->tcp);
    h->tcp.data = h->connect.data = h;
    uv_timer_start(&h->timer, on_timer, CONNECT_MS, 0);
    if (uv_tcp_connect(&h->connect, &h->tcp, to, on_connected) != 0)
        hang_up(h);
}

/* ---- UDP ---- */

static void open_udp(struct capture_hep *h, const struct addrinfo *a)
{
    h->fd = socket(a->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (h->fd >= 0 && connect(h->fd, a->ai_addr, a->ai_addrlen) == 0) {
        become_open(h);
        return;
    }
    const char *why = strerror(errno);
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    lose(h, why);
}

/* A collector that is away answers with ICMP, which fails the next send. */
static void send_udp(struct capture_hep *h, size_t n)
{
    if (h->state == STATE_OPEN && send(h->fd, h->packet, n, MSG_DONTWAIT) == (ssize_t)n)
        h->counts.sent++;
    else
        h->counts.dropped++;
}

/* ---- life ---- */

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct capture_hep *h = request->data;
    if (status < 0 || h->ending)
        lose(h, status < 0 ? uv_strerror(status) : "");
    else if (h->to.stream)
        open_tcp(h, found->ai_addr);
    else
        open_udp(h, found);
    uv_freeaddrinfo(found);
}

static void look_up(struct capture_hep *h)
{
    struct addrinfo hints = {.ai_socktype = h->to.stream ? SOCK_STREAM : SOCK_DGRAM};
    h->lookup.data = h;
    h->state = STATE_LOOKUP;
    int err = uv_getaddrinfo(h->loop, &h->lookup, on_looked_up, h->to.host, h->to.port, &hints);
    if (err < 0)
        lose(h, uv_strerror(err));
}

static void on_timer(uv_timer_t *timer)
{
    struct capture_hep *h = timer->data;
    if (h->state == STATE_LOST)
        look_up(h);
    else if (h->state == STATE_OPENING)
        hang_up(h);
    else if (h->to.stream)
        flush(h);
}

void capture_hep_add(struct capture_hep *h, const struct capture_message *m)
{
    size_t n =
        capture_hep_write(m, (uint32_t)h->conf->capture.hep_id,
                          span_of(h->conf->capture.hep_password), h->packet, sizeof h->packet);
    if (n > 0 && !h->to.stream) {
        send_udp(h, n);
    } else if (n == 0 || h->waiting.n + n > QUEUE_MAX ||
               bytes_add(&h->waiting, (struct span){h->packet, n}) != ERR_OK) {
        h->counts.dropped++;
    } else {
        h->n_waiting++;
        if (h->state == STATE_OPEN && !uv_is_active((uv_handle_t *)&h->timer))
            uv_timer_start(&h->timer, on_timer, FLUSH_MS, 0);
    }
}

int capture_hep_new(struct capture_hep **ret, uv_loop_t *loop, const struct conf *conf)
{
    struct capture_hep *h = calloc(1, sizeof *h);
    if (!h)
        return ERR_NOMEM;
    h->loop = loop;
    h->conf = conf;
    h->fd = -1;
    int err = collector_parse(span_of(conf->capture.hep), &h->to);
    if (err != ERR_OK) {
        free(h);
        return err;
    }
    uv_timer_init(loop, &h->timer);
    h->timer.data = h;
    look_up(h);
    *ret = h;
    return ERR_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void finish(struct capture_hep *h)
{
    h->counts.dropped += h->n_waiting;
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    bytes_free(&h->waiting);
    bytes_free(&h->writing);
    if (!uv_is_closing((uv_handle_t *)&h->timer))
        uv_close((uv_handle_t *)&h->timer, on_timer_closed);
}

void capture_hep_close(struct capture_hep *h)
{
    if (!h)
        return;
    h->ending = true;
    uv_timer_stop(&h->timer);
    flush(h); /* what the socket takes at once */
    if (h->state == STATE_LOOKUP)
        (void)uv_cancel((uv_req_t *)&h->lookup);
    else if (h->to.stream && (h->state == STATE_OPENING || h->state == STATE_OPEN))
        hang_up(h);
    else if (h->state != STATE_CLOSING)
        finish(h);
}

struct capture_hep_counts capture_hep_counts(const struct capture_hep *h)
{
    return h->counts;
}
