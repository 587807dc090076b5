#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "clock.h"
#include "http_crew.h"
#include "http_exchange.h"
#include "http_stream.h"
#include "http_tls.h"
#include "http_watch.h"
#include "log.h"

enum { ALONE_MAX = 32, ERRAND_MS = 300000 };
enum { CONNECTION_MEMORY = 32768, DRAIN_STEP_MS = 10, LISTENERS_MAX = 8, CROWDED_MS = 5000 };
enum { SLOWEST = 16 };      /* bytes a millisecond: a client that reads more slowly is cut */
enum { STREAM_MS = 10000 }; /* longest pause of a stream's writer */

struct http {
    struct MHD_Daemon *daemons[LISTENERS_MAX];
    size_t daemon_n;
    struct http_watch *watch;
    http_handler *handler;
    void *handler_arg;
    struct http_room room;
    int64_t idle_ms, request_ms, body_max, upload_max;
    bool (*takes_files)(struct span path);
    bool (*waits)(struct span path);
    struct kept *kept;
    http_reuser *reuse;
    struct http_crew *crew;
    atomic_int errands; /* under way */
    atomic_int alone;   /* of them, on threads of their own */
    atomic_bool closing;
    atomic_int active; /* requests between their first line and the end of their reply */
};

static void PRINTF_LIKE(2, 0) log_daemon(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    char text[512];
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    log_debug("http: %s", text);
}

static struct http_watched *watched_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void on_connection(void *arg, struct MHD_Connection *c, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *h = arg;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_watch_remove(h->watch, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *from =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!fd || !from)
        return;
    struct http_watched *made = http_watch_add(h->watch, fd->connect_fd, from->client_addr,
                                               clock_boot_ms() + h->request_ms);
    if (http_watch_crowded(made))
        http_watch_idle(h->watch, made, clock_boot_ms() + CROWDED_MS);
    *socket_context = made;
}

/* The first line is there: the request's own time begins. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *c)
{
    struct http *h = arg;
    atomic_fetch_add(&h->active, 1);
    http_watch_busy(h->watch, watched_of(c), clock_boot_ms() + h->request_ms);
    return http_exchange_new(uri, &h->room);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    (void)code;
    struct http *h = arg;
    http_exchange_free(*request_context);
    *request_context = NULL;
    http_watch_idle(h->watch, watched_of(c), clock_boot_ms() + h->idle_ms + h->request_ms);
    atomic_fetch_sub(&h->active, 1);
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) == MHD_NO)
        log_warn("http: no memory for a header");
}

void http_reply_field(struct http_reply *r, const char *name, const char *fmt, ...)
{
    va_list ap;
    struct http_field *field = &r->fields[r->field_n];
    if (r->field_n == HTTP_FIELDS) {
        log_warn("http: no room for the header %s", name);
        return;
    }
    field->name = name;
    va_start(ap, fmt);
    int n = vsnprintf(field->value, sizeof(field->value), fmt, ap);
    va_end(ap);
    if (n >= 0 && n < HTTP_FIELD_MAX)
        r->field_n++;
    else
        log_warn("http: the header %s is too long", name);
}

static size_t body_size(const struct http_reply *reply)
{
    return reply->body_n ? reply->body_n : reply->body ? strlen(reply->body) : 0;
}

/* Takes body and file of the reply. */
static struct MHD_Response *make_response(struct http_reply *reply)
{
    struct MHD_Response *response;
    size_t n = body_size(reply);
    if (reply->fd >= 0)
        response = MHD_create_response_from_fd_at_offset64((uint64_t)reply->file_n, reply->fd,
                                                           (uint64_t)reply->file_at);
    else if (reply->release)
        response = MHD_create_response_from_buffer_with_free_callback_cls(
            n, reply->body, reply->release, reply->owner);
    else
        response = MHD_create_response_from_buffer(
            n, reply->body, reply->body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!response)
        http_reply_end(reply);
    return response;
}

static struct MHD_Response *make_stream(struct http *h, struct MHD_Connection *c,
                                        struct http_reply *reply)
{
    const struct http_receiver to = {c, h->watch, watched_of(c), h->request_ms + STREAM_MS};
    struct MHD_Response *response = http_stream_response(reply->stream, &to);
    if (!response)
        http_reply_end(reply);
    return response;
}

static enum MHD_Result send_reply(struct http *h, struct MHD_Connection *c,
                                  struct http_reply *reply, const char *request_id, bool end)
{
    int64_t n = reply->fd >= 0 ? reply->file_n : (int64_t)body_size(reply);
    http_watch_busy(h->watch, watched_of(c), clock_boot_ms() + h->request_ms + n / SLOWEST);
    struct MHD_Response *response = reply->stream ? make_stream(h, c, reply) : make_response(reply);
    if (!response)
        return MHD_NO;
    add_header(response, "Content-Type",
               reply->content_type ? reply->content_type : "application/json");
    for (size_t i = 0; i < reply->field_n; i++)
        add_header(response, reply->fields[i].name, reply->fields[i].value);
    add_header(response, "Cache-Control", reply->cacheable ? "no-cache" : "no-store");
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "X-Request-Id", request_id);
    if (reply->allow)
        add_header(response, "Allow", reply->allow);
    if (reply->retry_after_s) {
        char seconds[16];
        snprintf(seconds, sizeof(seconds), "%d", reply->retry_after_s);
        add_header(response, "Retry-After", seconds);
    }
    if (end)
        add_header(response, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(c, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    http_reply_begin(reply); /* its body is the library's now */
    return result;
}

static enum MHD_Result answer(struct http *h, struct MHD_Connection *c, struct http_exchange *x,
                              const char *method)
{
    struct http_request request = http_exchange_request(x, c, method);
    struct http_reply reply;
    http_reply_begin(&reply);
    h->handler(h->handler_arg, &request, &reply);
    return send_reply(h, c, &reply, x->request_id, x->refusal != 0);
}

/* A request whose handler waits, while the connection rests: one of the crew has it, or a thread of
 * its own when it waits for others than the store. */
struct errand {
    struct http_task task;
    struct http *h;
    struct MHD_Connection *c;
    struct http_exchange *x;
    struct http_request request; /* its spans lie in the connection, which stays */
    bool alone;
};

static void run_errand(struct http_task *task)
{
    struct errand *e = (struct errand *)task;
    struct http *h = e->h;
    http_reply_begin(&e->x->reply);
    h->handler(h->handler_arg, &e->request, &e->x->reply);
    e->x->answered = true;
    MHD_resume_connection(e->c);
    if (e->alone)
        atomic_fetch_sub(&h->alone, 1);
    free(e);
    atomic_fetch_sub(&h->errands, 1);
}

static void *run_alone(void *arg)
{
    run_errand(arg);
    return NULL;
}

static bool waits(const struct http *h, const struct http_exchange *x)
{
    struct span path = {x->uri, strcspn(x->uri, "?")};
    return h->waits && h->waits(path);
}

static void begin_alone(struct http *h, struct errand *e)
{
    pthread_t thread;
    http_watch_busy(h->watch, watched_of(e->c), clock_boot_ms() + h->request_ms + ERRAND_MS);
    if (atomic_fetch_add(&h->alone, 1) >= ALONE_MAX) {
        e->request.refusal = 503;
        e->request.refusal_text = "too many such requests at once";
    }
    if (!e->request.refusal && pthread_create(&thread, NULL, run_alone, e) == 0)
        pthread_detach(thread);
    else
        run_errand(&e->task);
}

static enum MHD_Result send_errand(struct http *h, struct MHD_Connection *c,
                                   struct http_exchange *x, const char *method)
{
    struct errand *e = malloc(sizeof(*e));
    if (!e)
        return MHD_NO;
    *e = (struct errand){.task = {.run = run_errand}, .h = h, .c = c, .x = x};
    e->request = http_exchange_request(x, c, method);
    e->alone = waits(h, x);
    atomic_fetch_add(&h->errands, 1);
    MHD_suspend_connection(c);
    if (e->alone)
        begin_alone(h, e);
    else
        http_crew_add(h->crew, &e->task);
    return MHD_YES;
}

/* On the thread that checks. */
static void on_checked(struct kept_check *check)
{
    struct http_exchange *x =
        (struct http_exchange *)((char *)check - offsetof(struct http_exchange, check));
    struct http *h = x->server;
    MHD_resume_connection(x->connection); /* which may end the exchange */
    atomic_fetch_sub(&h->errands, 1);
}

/* Whether a reply is kept that may answer the request: it is being checked then, while the
 * connection rests. */
static bool seek(struct http *h, struct MHD_Connection *c, struct http_exchange *x,
                 const char *method)
{
    char digest[SECRET_SHA256_HEX];
    x->sought = true;
    if (strcmp(method, "GET") != 0)
        return false;
    secret_sha256_hex((struct span){x->uri, x->uri_n}, digest);
    x->check.reply = kept_find(h->kept, digest);
    if (!x->check.reply)
        return false;
    x->check.done = on_checked;
    x->connection = c;
    x->server = h;
    atomic_fetch_add(&h->errands, 1);
    MHD_suspend_connection(c);
    kept_check(h->kept, &x->check);
    return true;
}

/* The checked reply, if it is good. */
static bool reuse(struct http *h, struct MHD_Connection *c, struct http_exchange *x,
                  const char *method)
{
    struct kept_reply *kept = x->check.reply;
    if (!kept)
        return false;
    struct http_request request = http_exchange_request(x, c, method);
    http_reply_begin(&x->reply);
    bool given = x->check.good && h->reuse(h->handler_arg, kept, &request, &x->reply);
    kept_drop(kept);
    x->check.reply = NULL;
    return given;
}

static enum MHD_Result execute(struct http *h, struct MHD_Connection *c, struct http_exchange *x,
                               const char *method)
{
    if (x->refusal)
        return answer(h, c, x, method);
    if (!x->sought && seek(h, c, x, method))
        return MHD_YES;
    if (x->answered || reuse(h, c, x, method))
        return send_reply(h, c, &x->reply, x->request_id, false);
    return send_errand(h, c, x, method);
}

static int64_t body_max(const struct http *h, const struct http_exchange *x)
{
    struct span path = {x->uri, strcspn(x->uri, "?")};
    return h->takes_files && h->takes_files(path) ? h->upload_max : h->body_max;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_n, void **request_context)
{
    (void)url; /* decoded, and cut at a NUL: the exchange has what was received */
    struct http *h = arg;
    struct http_exchange *x = *request_context;
    if (!x)
        return MHD_NO;
    if (!x->begun) {
        x->begun = true;
        if (atomic_load(&h->closing))
            http_exchange_refuse(x, 503, "the server is going down");
        if (http_watch_crowded(watched_of(c)))
            http_exchange_refuse(x, 503, "too many connections from this address");
        bool now = http_exchange_begin(x, c, method, version, body_max(h, x));
        return now ? answer(h, c, x, method) : MHD_YES;
    }
    if (*data_n) {
        size_t n = *data_n;
        *data_n = 0;
        bool go = http_exchange_body(x, data, n, body_max(h, x));
        explicit_bzero((void *)(uintptr_t)data, n); /* our buffer; it may hold a card */
        return go ? MHD_YES : MHD_NO;
    }
    return execute(h, c, x, method);
}

/* The library's own limits are higher than ours, which make way or say why not. Its threads share
 * its connections evenly, but don't take them evenly. */
enum { SPARE = 2 };

static int start_daemon(struct http *h, const struct http_settings *s, const struct addr *at,
                        bool tls)
{
    static const struct MHD_OptionItem none[] = {
        {MHD_OPTION_END, 0, NULL}
    };
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
    if (at->sa.sa_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    if (tls)
        flags |= MHD_USE_TLS;
    unsigned threads = s->threads > 1 ? (unsigned)s->threads : 0;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL,
        MHD_OPTION_SOCK_ADDR, &at->sa, MHD_OPTION_THREAD_POOL_SIZE, threads,
        MHD_OPTION_CONNECTION_LIMIT, SPARE * (unsigned)s->connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, SPARE * (unsigned)s->connections_per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)s->idle_timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, h, MHD_OPTION_URI_LOG_CALLBACK, on_uri, h, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, h, MHD_OPTION_ARRAY, tls ? http_tls_options() : none, MHD_OPTION_END);
    if (!daemon)
        return ERR_SYSTEM;
    h->daemons[h->daemon_n++] = daemon;
    return ERR_OK;
}

/* Starts a server for each address of a list. */
static int listen_on(struct http *h, const struct http_settings *s, const char *list, bool tls,
                     char error[HTTP_ERROR])
{
    struct span rest = span_of(list), part;
    struct addr at;
    int err = ERR_OK;
    while (err == ERR_OK && span_cut(&rest, ',', &part)) {
        err = h->daemon_n == LISTENERS_MAX                 ? ERR_RANGE
              : addr_parse_port(part, 8080, &at) != ERR_OK ? ERR_INVALID
                                                           : start_daemon(h, s, &at, tls);
        if (err != ERR_OK)
            snprintf(error, HTTP_ERROR, "can't listen on %.*s: %s", (int)part.n, part.p,
                     err == ERR_SYSTEM ? strerror(errno) : err_text(err));
    }
    return err;
}

int http_open(struct http **ret, const struct http_settings *s, http_handler *handler, void *arg,
              char error[HTTP_ERROR])
{
    struct http *h = calloc(1, sizeof(*h));
    if (!h)
        return ERR_NOMEM;
    h->handler = handler;
    h->handler_arg = arg;
    h->idle_ms = s->idle_timeout_s * 1000;
    h->request_ms = s->request_timeout_s * 1000;
    h->body_max = s->body_max;
    h->upload_max = s->upload_max > s->body_max ? s->upload_max : s->body_max;
    h->takes_files = s->takes_files;
    h->waits = s->waits;
    h->kept = s->kept;
    h->reuse = s->reuse;
    h->room.most = (size_t)s->bodies_max;
    int err =
        http_watch_open(&h->watch, (size_t)s->connections, (size_t)s->connections_per_address);
    if (err == ERR_OK)
        err = http_crew_open(&h->crew, (size_t)s->workers);
    if (err == ERR_OK)
        err = listen_on(h, s, s->listen, false, error);
    if (err == ERR_OK)
        err = listen_on(h, s, s->tls_listen, true, error);
    if (err == ERR_OK && h->daemon_n == 0) {
        snprintf(error, HTTP_ERROR, "http.listen and http.tls_listen are both empty");
        err = ERR_INVALID;
    }
    if (err != ERR_OK) {
        http_close(h, 0);
        return err;
    }
    *ret = h;
    return ERR_OK;
}

/* New requests are refused here: MHD_quiesce_daemon aborts the process when one of the library's
 * threads takes its listening socket out of epoll just then. */
static void drain(struct http *h, int64_t drain_ms)
{
    atomic_store(&h->closing, true);
    int64_t end = clock_boot_ms() + drain_ms;
    /* Errands end by the time-outs of whom they wait for; none may outlive the daemon. */
    while (atomic_load(&h->errands) > 0 || (atomic_load(&h->active) > 0 && clock_boot_ms() < end))
        nanosleep(&(struct timespec){.tv_nsec = DRAIN_STEP_MS * 1000000L}, NULL);
}

void http_close(struct http *h, int64_t drain_ms)
{
    if (!h)
        return;
    drain(h, drain_ms);
    for (size_t i = 0; i < h->daemon_n; i++)
        MHD_stop_daemon(h->daemons[i]);
    http_crew_close(h->crew);
    http_watch_close(h->watch);
    free(h);
}
