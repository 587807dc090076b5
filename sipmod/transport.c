#include "transport.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"

enum {
    BATCH = 64,              /* datagrams a system call */
    SEND_BYTES = 256 * 1024, /* bytes that may wait in one listener */
    SEND_MESSAGES = 512,     /* datagrams that may wait in one listener */
    SOCKET_BUFFER = 8 * 1024 * 1024,
    DEFAULT_PORT = 5060,
    REFUSED_MAX = 16, /* send failures told in one turn */
};

struct outgoing {
    struct addr to;
    size_t at, n; /* in the listener's bytes */
};

struct listener {
    struct transport *transport;
    int fd;
    bool polling;
    uv_poll_t poll;
    struct addr local;
    struct addr advertised; /* equals local without advertise */
    char sent_by[ADDR_PORT_TEXT];
    size_t n_out, out_used;
    struct outgoing out[SEND_MESSAGES];
    char bytes[SEND_BYTES];
};

struct transport {
    uv_loop_t *loop;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    struct transport_events events;
    struct transport_counters counters;
    size_t message_max;
    char *in; /* BATCH buffers of message_max + 1 bytes */
    size_t n_listeners, open_handles;
    struct listener *listeners[TRANSPORT_LISTENERS];
};

static void poll_again(struct listener *l);

/* ---- sending ---- */

/* Sends up to BATCH datagrams from number `first` on; returns how many went or -errno. */
static int send_batch(struct listener *l, size_t first)
{
    struct mmsghdr headers[BATCH];
    struct iovec iov[BATCH];
    unsigned n = 0;
    memset(headers, 0, sizeof headers);
    for (size_t i = first; i < l->n_out && n < BATCH; i++, n++) {
        struct outgoing *o = &l->out[i];
        iov[n] = (struct iovec){l->bytes + o->at, o->n};
        headers[n].msg_hdr.msg_name = &o->to.sa;
        headers[n].msg_hdr.msg_namelen = addr_len(&o->to);
        headers[n].msg_hdr.msg_iov = &iov[n];
        headers[n].msg_hdr.msg_iovlen = 1;
    }
    int sent = sendmmsg(l->fd, headers, n, MSG_DONTWAIT);
    return sent >= 0 ? sent : -errno;
}

/* A datagram that the kernel refused to send; told to the user once the queue is empty, since the
 * answer may be to send again. */
struct refused {
    struct addr to;
    size_t n;
    char head[512];
};

static void note_refused(const struct listener *l, const struct outgoing *o, struct refused *list,
                         size_t *n)
{
    l->transport->counters.send_dropped++;
    if (*n == REFUSED_MAX)
        return;
    struct refused *r = &list[(*n)++];
    r->to = o->to;
    r->n = o->n < sizeof r->head ? o->n : sizeof r->head;
    memcpy(r->head, l->bytes + o->at, r->n);
}

/* Sends all that waits. A send may fail for the ICMP error of an earlier one, so each datagram is
 * tried twice. What the kernel has no room for is dropped: waiting would only grow the queue. */
static void flush_listener(struct listener *l)
{
    struct transport *t = l->transport;
    struct refused refused[REFUSED_MAX];
    size_t n_refused = 0, done = 0, tried = SIZE_MAX;
    while (done < l->n_out) {
        int sent = send_batch(l, done);
        if (sent > 0) {
            done += (size_t)sent;
            t->counters.sent += (uint64_t)sent;
        } else if (sent == -EAGAIN || sent == -ENOBUFS) {
            t->counters.send_dropped += l->n_out - done;
            break;
        } else if (tried != done) {
            tried = done;
        } else {
            note_refused(l, &l->out[done++], refused, &n_refused);
        }
    }
    l->n_out = 0;
    l->out_used = 0;
    for (size_t i = 0; i < n_refused; i++)
        t->events.undeliverable(t->events.arg, &refused[i].to,
                                (struct span){refused[i].head, refused[i].n});
}

static void flush_all(struct transport *t)
{
    for (size_t i = 0; i < t->n_listeners; i++) {
        if (t->listeners[i]->n_out)
            flush_listener(t->listeners[i]);
    }
}

static void on_prepare(uv_prepare_t *handle)
{
    flush_all(handle->data);
}

static void on_check(uv_check_t *handle)
{
    flush_all(handle->data);
}

void transport_send(const struct flow *to, struct span bytes)
{
    struct listener *l = to->listener;
    if (l->n_out == SEND_MESSAGES || bytes.n > SEND_BYTES - l->out_used)
        flush_listener(l);
    if (bytes.n > SEND_BYTES) {
        l->transport->counters.send_dropped++;
        return;
    }
    struct outgoing *o = &l->out[l->n_out++];
    o->to = to->remote;
    o->at = l->out_used;
    o->n = bytes.n;
    memcpy(l->bytes + l->out_used, bytes.p, bytes.n);
    l->out_used += bytes.n;
}

/* ---- receiving ---- */

/* Returns the number of datagrams read. */
static int receive_batch(struct listener *l)
{
    struct transport *t = l->transport;
    struct mmsghdr headers[BATCH];
    struct iovec iov[BATCH];
    struct addr from[BATCH];
    size_t cap = t->message_max + 1;
    memset(headers, 0, sizeof headers);
    memset(from, 0, sizeof from);
    for (size_t i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){t->in + i * cap, cap};
        headers[i].msg_hdr.msg_name = &from[i].sa;
        headers[i].msg_hdr.msg_namelen = sizeof from[i];
        headers[i].msg_hdr.msg_iov = &iov[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    int n = recvmmsg(l->fd, headers, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        if (headers[i].msg_len > t->message_max || (headers[i].msg_hdr.msg_flags & MSG_TRUNC)) {
            t->counters.too_large++;
            continue;
        }
        t->counters.received++;
        struct flow flow = {l, from[i]};
        t->events.receive(t->events.arg, &flow,
                          (struct span){t->in + (size_t)i * cap, headers[i].msg_len});
    }
    return n;
}

/* Reads the errors that ICMP brought back (IP_RECVERR): each names the datagram's destination and
 * holds its first bytes. */
static void receive_errors(struct listener *l)
{
    struct transport *t = l->transport;
    for (;;) {
        struct addr to = {0};
        char head[512], control[512];
        struct iovec iov = {head, sizeof head};
        struct msghdr header = {.msg_name = &to.sa,
                                .msg_namelen = sizeof to,
                                .msg_iov = &iov,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control};
        ssize_t n = recvmsg(l->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (n < 0)
            return;
        t->events.undeliverable(t->events.arg, &to, (struct span){head, (size_t)n});
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    (void)events;
    struct listener *l = handle->data;
    if (status < 0) { /* libuv stops the handle on POLLERR */
        l->polling = false;
        receive_errors(l);
    }
    /* A few batches a turn, so that timers and Redis get theirs under a flood. */
    for (int round = 0; round < 4; round++) {
        if (receive_batch(l) < BATCH)
            break;
    }
    poll_again(l);
}

static void poll_again(struct listener *l)
{
    if (!l->polling && uv_poll_start(&l->poll, UV_READABLE, on_poll) == 0)
        l->polling = true;
}

/* ---- opening and closing ---- */

static void set_buffer(int fd, int force, int plain)
{
    int size = SOCKET_BUFFER;
    if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof size) != 0)
        (void)setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

static int open_socket(const struct addr *local)
{
    int fd = socket(local->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    if (local->sa.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    } else {
        (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    }
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    if (bind(fd, &local->sa, addr_len(local)) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int add_listener(struct transport *t, struct span text, const char *advertise, char *error)
{
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    int err = addr_parse_port(text, DEFAULT_PORT, &l->local);
    if (err != ERR_OK) {
        snprintf(error, TRANSPORT_ERROR, "sip.listen: not an address: %.*s", (int)text.n, text.p);
        goto out;
    }
    l->advertised = l->local;
    if (advertise && *advertise &&
        (err = addr_parse_port(span_of(advertise), DEFAULT_PORT, &l->advertised)) != ERR_OK) {
        snprintf(error, TRANSPORT_ERROR, "sip.advertise: not an address: %.200s", advertise);
        goto out;
    }
    if (addr_is_unroutable(&l->advertised)) {
        snprintf(error, TRANSPORT_ERROR, "sip.advertise: needed with the wildcard %.*s",
                 (int)text.n, text.p);
        err = ERR_INVALID;
        goto out;
    }
    l->fd = open_socket(&l->local);
    if (l->fd < 0) {
        snprintf(error, TRANSPORT_ERROR, "can't listen on %.*s: %s", (int)text.n, text.p,
                 strerror(errno));
        err = ERR_SYSTEM;
        goto out;
    }
    addr_port_text(&l->advertised, l->sent_by);
    l->transport = t;
    uv_poll_init_socket(t->loop, &l->poll, l->fd);
    l->poll.data = l;
    t->open_handles++;
    t->listeners[t->n_listeners++] = l;
    poll_again(l);
    return ERR_OK;
out:
    free(l);
    return err;
}

static int add_listeners(struct transport *t, const char *listen, const char *advertise,
                         char *error)
{
    struct span rest = span_of(listen), part;
    while (span_cut(&rest, ',', &part)) {
        if (t->n_listeners == TRANSPORT_LISTENERS) {
            snprintf(error, TRANSPORT_ERROR, "sip.listen: more than %d", TRANSPORT_LISTENERS);
            return ERR_TOO_LARGE;
        }
        int err = add_listener(t, part, advertise, error);
        if (err != ERR_OK)
            return err;
    }
    if (t->n_listeners == 0) {
        snprintf(error, TRANSPORT_ERROR, "sip.listen: empty");
        return ERR_INVALID;
    }
    return ERR_OK;
}

int transport_open(struct transport **ret, uv_loop_t *loop, const char *listen,
                   const char *advertise, size_t message_max, const struct transport_events *events,
                   char error[TRANSPORT_ERROR])
{
    struct transport *t = calloc(1, sizeof *t);
    error[0] = '\0';
    if (!t)
        return ERR_NOMEM;
    t->loop = loop;
    t->events = *events;
    t->message_max = message_max;
    uv_prepare_init(loop, &t->before_poll);
    uv_check_init(loop, &t->after_poll);
    t->before_poll.data = t->after_poll.data = t;
    t->open_handles = 2;
    uv_prepare_start(&t->before_poll, on_prepare);
    uv_check_start(&t->after_poll, on_check);
    t->in = malloc(BATCH * (message_max + 1));
    int err = t->in ? add_listeners(t, listen, advertise, error) : ERR_NOMEM;
    if (err != ERR_OK) {
        transport_close(t);
        return err;
    }
    *ret = t;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct transport *t;
    if (handle->type == UV_POLL) {
        struct listener *l = handle->data;
        t = l->transport;
        close(l->fd);
        free(l);
    } else {
        t = handle->data;
    }
    if (--t->open_handles == 0) {
        free(t->in);
        free(t);
    }
}

void transport_close(struct transport *t)
{
    if (!t)
        return;
    flush_all(t);
    for (size_t i = 0; i < t->n_listeners; i++)
        uv_close((uv_handle_t *)&t->listeners[i]->poll, on_closed);
    t->n_listeners = 0;
    uv_close((uv_handle_t *)&t->before_poll, on_closed);
    uv_close((uv_handle_t *)&t->after_poll, on_closed);
}

/* ---- questions ---- */

struct span transport_sent_by(const struct listener *l)
{
    return span_of(l->sent_by);
}

struct listener *transport_first(struct transport *t)
{
    return t->listeners[0];
}

struct listener *transport_listener_for(struct transport *t, const struct addr *remote,
                                        struct listener *prefer)
{
    if (prefer && prefer->local.sa.sa_family == remote->sa.sa_family)
        return prefer;
    for (size_t i = 0; i < t->n_listeners; i++) {
        if (t->listeners[i]->local.sa.sa_family == remote->sa.sa_family)
            return t->listeners[i];
    }
    return NULL;
}

bool transport_is_us(const struct transport *t, struct span host, uint16_t port)
{
    struct addr a;
    if (addr_parse(host, port ? port : DEFAULT_PORT, &a) != ERR_OK)
        return false;
    for (size_t i = 0; i < t->n_listeners; i++) {
        if (addr_eq(&a, &t->listeners[i]->local) || addr_eq(&a, &t->listeners[i]->advertised))
            return true;
    }
    return false;
}

const struct transport_counters *transport_counters(const struct transport *t)
{
    return &t->counters;
}
