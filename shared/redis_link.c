#include "redis_link.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "redis_wire.h"

enum { INPUT_MAX = 64 * 1024, KEEPALIVE_S = 15, PORT_TEXT = 6 };

struct redis_link {
    uv_loop_t *loop;
    const struct redis_target *target;
    unsigned attempt;
    const struct redis_link_events *events;
    void *arg;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    uv_prepare_t turn_end; /* runs right before the loop polls */
    uv_timer_t patience;   /* of commands that may wait for others */
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
    uv_write_t write;
    redisReader *reader;
    struct redis_wire pending; /* not yet written */
    struct redis_wire writing; /* libuv is at it */
    uint64_t heard_ms;
    bool connected, closing;
    unsigned users; /* open handles and a lookup under way */
    char input[INPUT_MAX];
};

static void drop_user(struct redis_link *link)
{
    if (--link->users > 0)
        return;
    redis_wire_free(&link->pending);
    redis_wire_free(&link->writing);
    if (link->reader != NULL)
        redisReaderFree(link->reader);
    free(link);
}

static void on_handle_closed(uv_handle_t *handle)
{
    drop_user(handle->data);
}

void redis_link_close(struct redis_link *link)
{
    if (link == NULL || link->closing)
        return;
    link->closing = true;
    uv_cancel((uv_req_t *)&link->lookup); /* fails when none is under way: no harm */
    uv_close(&link->socket.handle, on_handle_closed);
    uv_close((uv_handle_t *)&link->turn_end, on_handle_closed);
    uv_close((uv_handle_t *)&link->patience, on_handle_closed);
}

int redis_link_fd(const struct redis_link *link)
{
    uv_os_fd_t fd;
    return uv_fileno(&link->socket.handle, &fd) == 0 ? fd : -1;
}

uint64_t redis_link_heard_ms(const struct redis_link *link)
{
    return link->heard_ms;
}

static void lose(struct redis_link *link, const char *why)
{
    if (!link->closing)
        link->events->lost(link->arg, why);
}

static void take_replies(struct redis_link *link)
{
    while (!link->closing) {
        void *reply = NULL;
        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            lose(link, link->reader->errstr);
            return;
        }
        if (reply == NULL)
            return;
        link->events->reply(link->arg, reply);
        freeReplyObject(reply);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct redis_link *link = handle->data;
    (void)suggested;
    *ret = uv_buf_init(link->input, sizeof(link->input));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct redis_link *link = stream->data;
    if (n == 0 || link->closing)
        return;
    if (n < 0) {
        lose(link, uv_strerror((int)n));
        return;
    }
    link->heard_ms = uv_now(link->loop);
    if (redisReaderFeed(link->reader, buf->base, (size_t)n) != REDIS_OK)
        lose(link, link->reader->errstr);
    else
        take_replies(link);
}

static void flush(struct redis_link *link);

static void on_written(uv_write_t *write, int status)
{
    struct redis_link *link = write->data;
    redis_wire_free(&link->writing);
    if (link->closing)
        return;
    if (status < 0)
        lose(link, uv_strerror(status));
    else
        flush(link);
}

/* Hands the rest after `done` bytes to libuv, which writes it when the socket takes it. */
static int write_rest(struct redis_link *link, size_t done)
{
    link->writing = link->pending;
    link->pending = (struct redis_wire){0};
    uv_buf_t buf = {link->writing.p + done, link->writing.n - done};
    link->write.data = link;
    int rc = uv_write(&link->write, &link->socket.stream, &buf, 1, on_written);
    if (rc < 0)
        redis_wire_free(&link->writing);
    return rc;
}

static void flush(struct redis_link *link)
{
    if (!link->connected || link->writing.n > 0 || link->pending.n == 0)
        return;
    uv_timer_stop(&link->patience);
    uv_buf_t buf = {link->pending.p, link->pending.n};
    int n = uv_try_write(&link->socket.stream, &buf, 1);
    if (n == UV_EAGAIN)
        n = 0;
    if (n >= 0 && (size_t)n == link->pending.n)
        redis_wire_clear(&link->pending);
    else if (n >= 0)
        n = write_rest(link, (size_t)n);
    if (n < 0)
        lose(link, uv_strerror(n));
}

static void on_turn_end(uv_prepare_t *handle)
{
    uv_prepare_stop(handle);
    flush(handle->data);
}

static void on_patience_over(uv_timer_t *timer)
{
    flush(timer->data);
}

int redis_link_write(struct redis_link *link, unsigned within_ms, size_t argc,
                     const char *const argv[], const size_t lens[])
{
    int err = redis_wire_add(&link->pending, argc, argv, lens);
    if (err != ERR_OK)
        return err;
    if (within_ms == 0)
        uv_prepare_start(&link->turn_end, on_turn_end);
    else if (!uv_is_active((uv_handle_t *)&link->patience))
        uv_timer_start(&link->patience, on_patience_over, within_ms, 0);
    return ERR_OK;
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct redis_link *link = connect->data;
    if (link->closing)
        return;
    if (status == 0)
        status = uv_read_start(&link->socket.stream, on_alloc, on_read);
    if (status < 0) {
        lose(link, uv_strerror(status));
        return;
    }
    link->connected = true;
    link->heard_ms = uv_now(link->loop);
    link->events->connected(link->arg);
}

static int connect_tcp(struct redis_link *link, const struct sockaddr *sa)
{
    link->connect.data = link;
    int rc = uv_tcp_connect(&link->connect, &link->socket.tcp, sa, on_connected);
    if (rc < 0)
        return rc;
    uv_tcp_nodelay(&link->socket.tcp, 1);
    uv_tcp_keepalive(&link->socket.tcp, 1, KEEPALIVE_S);
    return 0;
}

/* Of a list that is not empty. */
static const struct addrinfo *choose(const struct addrinfo *list, unsigned attempt)
{
    const struct addrinfo *a = list;
    for (unsigned i = 0; i < attempt; i++)
        a = a->ai_next != NULL ? a->ai_next : list;
    return a;
}

static void on_resolved(uv_getaddrinfo_t *lookup, int status, struct addrinfo *list)
{
    struct redis_link *link = lookup->data;
    if (!link->closing) {
        if (status == 0)
            status = connect_tcp(link, choose(list, link->attempt)->ai_addr);
        if (status < 0)
            lose(link, uv_strerror(status));
    }
    uv_freeaddrinfo(list);
    drop_user(link);
}

static int resolve(struct redis_link *link)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[PORT_TEXT];
    snprintf(port, sizeof(port), "%u", (unsigned)link->target->port);
    link->lookup.data = link;
    int rc =
        uv_getaddrinfo(link->loop, &link->lookup, on_resolved, link->target->host, port, &hints);
    if (rc == 0)
        link->users++;
    return rc;
}

static int dial(struct redis_link *link)
{
    const struct redis_target *t = link->target;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (t->host[0] == '\0') {
        link->connect.data = link;
        uv_pipe_connect(&link->connect, &link->socket.pipe, t->path, on_connected);
        return 0;
    }
    if (uv_ip4_addr(t->host, t->port, &v4) == 0)
        return connect_tcp(link, (const struct sockaddr *)&v4);
    if (uv_ip6_addr(t->host, t->port, &v6) == 0)
        return connect_tcp(link, (const struct sockaddr *)&v6);
    return resolve(link);
}

/* Gives the link its handles. After success it must be ended with redis_link_close. */
static int init_handles(struct redis_link *link)
{
    int rc = link->target->host[0] == '\0' ? uv_pipe_init(link->loop, &link->socket.pipe, 0)
                                           : uv_tcp_init(link->loop, &link->socket.tcp);
    if (rc < 0)
        return rc;
    link->socket.handle.data = link;
    uv_prepare_init(link->loop, &link->turn_end); /* always succeeds */
    link->turn_end.data = link;
    uv_timer_init(link->loop, &link->patience); /* so does this */
    link->patience.data = link;
    link->users = 3;
    return 0;
}

int redis_link_open(struct redis_link **ret, uv_loop_t *loop, const struct redis_target *target,
                    unsigned attempt, const struct redis_link_events *events, void *arg)
{
    struct redis_link *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return ERR_NOMEM;
    link->loop = loop;
    link->target = target;
    link->attempt = attempt;
    link->events = events;
    link->arg = arg;
    if (init_handles(link) < 0) {
        free(link);
        return ERR_SYSTEM;
    }
    link->reader = redisReaderCreate();
    if (link->reader == NULL || dial(link) < 0) {
        redis_link_close(link);
        return ERR_UNAVAILABLE;
    }
    *ret = link;
    return ERR_OK;
}
