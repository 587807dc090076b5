#include "metrics_http.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

enum {
    REQUEST_BYTES = 8192,
    REQUEST_MS = 2000, /* for the whole of a request */
    REPLY_MS = 5000,   /* for the whole of a reply */
    ALLOW_BYTES = 256,
    BACKLOG = 16,
};

struct metrics_http {
    struct metrics *metrics;
    int fd, stop;
    bool started;
    pthread_t thread;
    char allow[ALLOW_BYTES];
};

/* ---- bytes, with a deadline ---- */

/* False: it wasn't ready in time, or the server ends. */
static bool await(const struct metrics_http *h, int fd, short events, int64_t until_ms)
{
    struct pollfd fds[] = {
        {.fd = fd,      .events = events},
        {.fd = h->stop, .events = POLLIN}
    };
    int64_t left;
    while ((left = until_ms - clock_boot_ms()) > 0) {
        int n = poll(fds, 2, (int)left);
        if (n > 0)
            return fds[1].revents == 0;
        if (n < 0 && errno != EINTR)
            return false;
    }
    return false;
}

/* Reads up to the empty line. False: none came. */
static bool read_head(const struct metrics_http *h, int fd, char buf[REQUEST_BYTES])
{
    int64_t until_ms = clock_boot_ms() + REQUEST_MS;
    size_t n = 0;
    buf[0] = '\0';
    while (!strstr(buf, "\r\n\r\n")) {
        if (n == REQUEST_BYTES - 1 || !await(h, fd, POLLIN, until_ms))
            return false;
        ssize_t got = recv(fd, buf + n, REQUEST_BYTES - 1 - n, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        n += got > 0 ? (size_t)got : 0;
        buf[n] = '\0';
    }
    return true;
}

static void write_all(const struct metrics_http *h, int fd, const char *p, size_t n)
{
    int64_t until_ms = clock_boot_ms() + REPLY_MS;
    while (n > 0 && await(h, fd, POLLOUT, until_ms)) {
        ssize_t put = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return;
        p += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
}

/* ---- one request ---- */

static void reply(const struct metrics_http *h, int fd, const char *status, const char *body,
                  bool head)
{
    char *text = NULL;
    size_t n = strlen(body);
    int size = asprintf(&text,
                        "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                        "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n"
                        "%s\r\n%s",
                        status, n, *status == '4' ? "Allow: GET, HEAD\r\n" : "", head ? "" : body);
    if (size < 0)
        return;
    write_all(h, fd, text, (size_t)size);
    free(text);
}

static void serve(const struct metrics_http *h, int fd)
{
    char request[REQUEST_BYTES];
    if (!read_head(h, fd, request))
        return;
    struct span line = {request, strcspn(request, "\r\n")}, method, target, path;
    if (!span_cut(&line, ' ', &method) || !span_cut(&line, ' ', &target) ||
        !span_cut(&target, '?', &path))
        return;
    bool head = span_eq(method, SPAN_LIT("HEAD"));
    if (!span_eq(path, SPAN_LIT("/metrics"))) {
        reply(h, fd, "404 Not Found", "there is only /metrics\n", head);
    } else if (!head && !span_eq(method, SPAN_LIT("GET"))) {
        reply(h, fd, "405 Method Not Allowed", "GET or HEAD\n", false);
    } else {
        char *text = metrics_render(h->metrics);
        reply(h, fd, text ? "200 OK" : "503 Service Unavailable", text ? text : "", head);
        free(text);
    }
}

static bool is_allowed(const struct metrics_http *h, const struct addr *peer)
{
    struct span rest = span_of(h->allow), part;
    struct addr a;
    if (addr_is_loopback(peer))
        return true;
    while (span_cut(&rest, ',', &part)) {
        if (addr_parse(part, 0, &a) == ERR_OK && addr_eq_host(&a, peer))
            return true;
    }
    return false;
}

static void take_one(struct metrics_http *h)
{
    struct addr peer = {0};
    socklen_t n = sizeof(peer);
    int fd = accept4(h->fd, &peer.sa, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (is_allowed(h, &peer))
        serve(h, fd);
    close(fd);
}

static void *run(void *arg)
{
    struct metrics_http *h = arg;
    struct pollfd fds[] = {
        {.fd = h->fd,   .events = POLLIN},
        {.fd = h->stop, .events = POLLIN}
    };
    while (fds[1].revents == 0) {
        if (poll(fds, 2, -1) > 0 && fds[0].revents)
            take_one(h);
    }
    return NULL;
}

/* ---- life ---- */

static int listen_at(const struct addr *at)
{
    int on = 1, fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (at->sa.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, &at->sa, addr_len(at)) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int start(struct metrics_http *h, const char *where, char error[METRICS_HTTP_ERROR])
{
    struct addr at;
    if (addr_parse_port(span_of(where), 0, &at) != ERR_OK) {
        snprintf(error, METRICS_HTTP_ERROR, "no address: %s", where);
        return ERR_INVALID;
    }
    h->stop = eventfd(0, EFD_CLOEXEC);
    h->fd = h->stop >= 0 ? listen_at(&at) : -1;
    if (h->fd < 0) {
        snprintf(error, METRICS_HTTP_ERROR, "%s: %s", where, strerror(errno));
        return ERR_SYSTEM;
    }
    h->started = pthread_create(&h->thread, NULL, run, h) == 0;
    snprintf(error, METRICS_HTTP_ERROR, "no thread");
    return h->started ? ERR_OK : ERR_SYSTEM;
}

int metrics_http_open(struct metrics_http **ret, struct metrics *metrics, const char *where,
                      const char *allow, char error[METRICS_HTTP_ERROR])
{
    struct metrics_http *h = calloc(1, sizeof(*h));
    if (!h) {
        snprintf(error, METRICS_HTTP_ERROR, "%s", err_text(ERR_NOMEM));
        return ERR_NOMEM;
    }
    h->metrics = metrics;
    h->fd = h->stop = -1;
    snprintf(h->allow, sizeof(h->allow), "%s", allow);
    int err = start(h, where, error);
    if (err != ERR_OK) {
        metrics_http_close(h);
        return err;
    }
    *ret = h;
    return ERR_OK;
}

void metrics_http_close(struct metrics_http *h)
{
    if (!h)
        return;
    const uint64_t one = 1;
    if (h->started && write(h->stop, &one, sizeof(one)) == sizeof(one))
        pthread_join(h->thread, NULL);
    if (h->fd >= 0)
        close(h->fd);
    if (h->stop >= 0)
        close(h->stop);
    free(h);
}
