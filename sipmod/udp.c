#include "udp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SEND_BYTES = 256 * 1024, /* bytes that may wait in one socket */
    SEND_MESSAGES = 512,     /* datagrams that may wait in one socket */
    SOCKET_BUFFER = 8 * 1024 * 1024,
    REFUSED_MAX = 16, /* send failures told in one turn */
};

struct outgoing {
    struct addr to;
    size_t at, n; /* in the socket's bytes */
};

/* What recvmmsg fills. */
struct incoming {
    struct mmsghdr headers[UDP_BATCH];
    struct iovec iov[UDP_BATCH];
    struct addr from[UDP_BATCH];
};

struct udp {
    struct listener *listener;
    struct incoming incoming;
    int fd;
    bool polling;
    uint64_t behind_ms; /* since when the socket was never found empty; 0: it was */
    uv_poll_t poll;
    size_t n_out, out_used;
    struct outgoing out[SEND_MESSAGES];
    char bytes[SEND_BYTES];
};

static void poll_again(struct udp *u);

/* ---- sending ---- */

/* Sends up to UDP_BATCH datagrams from number `first` on; returns how many went or -errno. */
static int send_batch(struct udp *u, size_t first)
{
    struct mmsghdr headers[UDP_BATCH];
    struct iovec iov[UDP_BATCH];
    unsigned n = 0;
    for (size_t i = first; i < u->n_out && n < UDP_BATCH; i++, n++) {
        struct outgoing *o = &u->out[i];
        iov[n] = (struct iovec){u->bytes + o->at, o->n};
        headers[n] = (struct mmsghdr){
            .msg_hdr = {.msg_name = &o->to.sa,
                        .msg_namelen = addr_len(&o->to),
                        .msg_iov = &iov[n],
                        .msg_iovlen = 1}
        };
    }
    int sent = sendmmsg(u->fd, headers, n, MSG_DONTWAIT);
    return sent >= 0 ? sent : -errno;
}

/* A datagram that the kernel refused to send; told to the user once the queue is empty, since the
 * answer may be to send again. */
struct refused {
    struct addr to;
    size_t n;
    char head[512];
};

static void note_refused(const struct udp *u, const struct outgoing *o, struct refused *list,
                         size_t *n)
{
    u->listener->transport->counters.send_dropped++;
    if (*n == REFUSED_MAX)
        return;
    struct refused *r = &list[(*n)++];
    r->to = o->to;
    r->n = o->n < sizeof r->head ? o->n : sizeof r->head;
    memcpy(r->head, u->bytes + o->at, r->n);
}

static void show(const struct udp *u, bool out, const struct addr *remote, struct span bytes)
{
    struct transport_message m = {.out = out,
                                  .protocol = PROTOCOL_UDP,
                                  .local = transport_local(u->listener),
                                  .remote = remote,
                                  .bytes = bytes};
    transport_show(u->listener, &m);
}

static void note_sent(const struct udp *u, size_t first, size_t n)
{
    u->listener->transport->counters.sent += n;
    for (const struct outgoing *o = &u->out[first]; o < &u->out[first + n]; o++)
        show(u, true, &o->to, (struct span){u->bytes + o->at, o->n});
}

/* Sends all that waits. A send may fail for the ICMP error of an earlier one, so each datagram is
 * tried twice. What the kernel has no room for is dropped: waiting would only grow the queue. */
void udp_flush(struct udp *u)
{
    struct transport *t = u->listener->transport;
    struct refused refused[REFUSED_MAX];
    size_t n_refused = 0, done = 0, tried = SIZE_MAX;
    while (done < u->n_out) {
        int sent = send_batch(u, done);
        if (sent > 0) {
            note_sent(u, done, (size_t)sent);
            done += (size_t)sent;
        } else if (sent == -EAGAIN || sent == -ENOBUFS) {
            t->counters.send_dropped += u->n_out - done;
            break;
        } else if (tried != done) {
            tried = done;
        } else {
            note_refused(u, &u->out[done++], refused, &n_refused);
        }
    }
    u->n_out = 0;
    u->out_used = 0;
    for (size_t i = 0; i < n_refused && !t->closing; i++)
        t->events.undeliverable(t->events.arg, &refused[i].to,
                                (struct span){refused[i].head, refused[i].n});
}

void udp_send(struct udp *u, const struct addr *to, struct span bytes)
{
    if (u->n_out == SEND_MESSAGES || bytes.n > SEND_BYTES - u->out_used)
        udp_flush(u);
    if (bytes.n > SEND_BYTES) {
        u->listener->transport->counters.send_dropped++;
        return;
    }
    struct outgoing *o = &u->out[u->n_out++];
    o->to = *to;
    o->at = u->out_used;
    o->n = bytes.n;
    memcpy(u->bytes + u->out_used, bytes.p, bytes.n);
    u->out_used += bytes.n;
}

/* ---- receiving ---- */

/* Makes an entry of `incoming` ready to be filled (again). */
static void clear_incoming(struct udp *u, size_t i)
{
    struct transport *t = u->listener->transport;
    size_t cap = t->message_max + 1;
    struct incoming *in = &u->incoming;
    in->from[i] = (struct addr){0};
    in->iov[i] = (struct iovec){t->in + i * cap, cap};
    in->headers[i] = (struct mmsghdr){
        .msg_hdr = {.msg_name = &in->from[i].sa,
                    .msg_namelen = sizeof in->from[i],
                    .msg_iov = &in->iov[i],
                    .msg_iovlen = 1}
    };
}

static void receive_one(struct udp *u, size_t i)
{
    struct transport *t = u->listener->transport;
    const struct mmsghdr *h = &u->incoming.headers[i];
    struct flow flow = {.listener = u->listener, .remote = u->incoming.from[i]};
    struct span bytes = {u->incoming.iov[i].iov_base, h->msg_len};
    show(u, false, &flow.remote, bytes); /* of one that is too large what came */
    if (h->msg_len > t->message_max || (h->msg_hdr.msg_flags & MSG_TRUNC)) {
        t->counters.too_large++;
        return;
    }
    t->counters.received++;
    (void)t->events.receive(t->events.arg, &flow, bytes);
}

/* Returns the number of datagrams read. */
static int receive_batch(struct udp *u)
{
    int n = recvmmsg(u->fd, u->incoming.headers, UDP_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        receive_one(u, (size_t)i);
        clear_incoming(u, (size_t)i);
    }
    return n;
}

/* Reads the errors that ICMP brought back (IP_RECVERR): each names the datagram's destination and
 * holds its first bytes. */
static void receive_errors(struct udp *u)
{
    struct transport *t = u->listener->transport;
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
        ssize_t n = recvmsg(u->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (n < 0)
            return;
        t->events.undeliverable(t->events.arg, &to, (struct span){head, (size_t)n});
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    (void)events;
    struct udp *u = handle->data;
    if (status < 0) { /* libuv stops the handle on POLLERR */
        u->polling = false;
        receive_errors(u);
    }
    struct gather *gather = &u->listener->transport->gather;
    bool emptied = false;
    /* A few batches a turn, so that timers and Redis get theirs under a flood. */
    for (int round = 0; round < 4 && !emptied && !gather->pausing; round++)
        emptied = receive_batch(u) < UDP_BATCH;
    if (emptied)
        u->behind_ms = 0;
    else if (u->behind_ms == 0 && !gather->pausing)
        u->behind_ms = uv_now(handle->loop);
    gather->behind |= !emptied && !gather->pausing;
    poll_again(u);
}

uint64_t udp_backlog_ms(const struct udp *u)
{
    return u->behind_ms ? uv_now(u->poll.loop) - u->behind_ms : 0;
}

static void poll_again(struct udp *u)
{
    if (!u->polling && uv_poll_start(&u->poll, UV_READABLE, on_poll) == 0)
        u->polling = true;
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

int udp_open(struct udp **ret, struct listener *l)
{
    struct udp *u = calloc(1, sizeof *u);
    if (!u)
        return ERR_NOMEM;
    u->listener = l;
    u->fd = open_socket(&l->local);
    if (u->fd < 0) {
        free(u);
        return ERR_SYSTEM;
    }
    uv_poll_init_socket(l->transport->loop, &u->poll, u->fd);
    u->poll.data = u;
    transport_hold(l->transport);
    for (size_t i = 0; i < UDP_BATCH; i++)
        clear_incoming(u, i);
    poll_again(u);
    *ret = u;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct udp *u = handle->data;
    close(u->fd);
    transport_release(u->listener->transport);
    free(u);
}

void udp_close(struct udp *u)
{
    if (!u)
        return;
    udp_flush(u);
    uv_close((uv_handle_t *)&u->poll, on_closed);
}
