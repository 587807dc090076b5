#include "http_exchange.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "http_stream.h"
#include "num.h"
#include "secret.h"

/* What a client may send past the limit and still be told so. More gets its connection cut. */
enum { OVERRUN_MAX = 4 << 20, BODY_FIRST = 4096, ID_BYTES = 8 };

/* Ids of requests are nobody's secret, but no two trunkd may give the same: a random start, and a
 * bijection (splitmix64's) of what is counted from there. */
static pthread_once_t id_once = PTHREAD_ONCE_INIT;
static atomic_uint_fast64_t id_next;

static void id_start(void)
{
    char hex[2 * ID_BYTES + 1];
    if (secret_random_hex(ID_BYTES, hex) == ERR_OK)
        atomic_store(&id_next, strtoull(hex, NULL, 16));
    else
        atomic_store(&id_next, (uint64_t)clock_boot_us() << 16);
}

static void put_id(char ret[HTTP_REQUEST_ID_MAX + 1])
{
    pthread_once(&id_once, id_start);
    uint64_t id = atomic_fetch_add(&id_next, 0x9e3779b97f4a7c15U);
    id = (id ^ (id >> 30)) * 0xbf58476d1ce4e5b9U;
    id = (id ^ (id >> 27)) * 0x94d049bb133111ebU;
    snprintf(ret, HTTP_REQUEST_ID_MAX + 1, "%016" PRIx64, id ^ (id >> 31));
}

void http_reply_begin(struct http_reply *r)
{
    memset(r, 0, offsetof(struct http_reply, fields));
    r->status = 500;
    r->fd = -1;
}

struct http_exchange *http_exchange_new(const char *uri, struct http_room *room)
{
    struct http_exchange *x = malloc(sizeof(*x));
    if (!x)
        return NULL;
    memset(x, 0, offsetof(struct http_exchange, reply));
    http_reply_begin(&x->reply);
    put_id(x->request_id);
    x->room = room;
    x->uri_place = uri;
    x->uri_n = strlen(uri);
    x->uri = strdup(uri);
    if (!x->uri) {
        http_exchange_free(x);
        return NULL;
    }
    return x;
}

static void drop_body(struct http_exchange *x)
{
    if (x->body)
        explicit_bzero(x->body, x->body_cap); /* tokens and cards */
    free(x->body);
    atomic_fetch_sub(&x->room->used, x->body_cap);
    x->body = NULL;
    x->body_n = x->body_cap = 0;
}

void http_exchange_free(struct http_exchange *x)
{
    if (!x)
        return;
    drop_body(x);
    kept_drop(x->check.reply);
    http_reply_end(&x->reply);
    free(x->uri);
    free(x->forwarded);
    free(x->forwarded_for);
    free(x);
}

void http_reply_end(struct http_reply *r)
{
    if (r->fd >= 0)
        close(r->fd);
    if (r->stream)
        http_stream_leave(r->stream);
    if (r->release)
        r->release(r->owner);
    else
        free(r->body);
    http_reply_begin(r);
}

struct header_count {
    const char *name;
    size_t n;
    struct span last;
};

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                    size_t key_n, const char *value, size_t value_n)
{
    (void)kind;
    struct header_count *count = arg;
    if (span_eq_nocase((struct span){key, key_n}, span_of(count->name))) {
        count->n++;
        count->last = (struct span){value, value_n};
    }
    return MHD_YES;
}

static struct header_count header(struct MHD_Connection *c, const char *name)
{
    struct header_count count = {.name = name};
    MHD_get_connection_values_n(c, MHD_HEADER_KIND, count_header, &count);
    return count;
}

void http_exchange_refuse(struct http_exchange *x, int status, const char *text)
{
    if (x->refusal)
        return;
    x->refusal = status;
    x->refusal_text = text;
    drop_body(x);
}

/* RFC 9112 6.3: framing on which two parsers could disagree is refused. */
static void check_framing(struct http_exchange *x, struct MHD_Connection *c, int64_t body_max,
                          int64_t *ret_length)
{
    struct header_count length = header(c, "Content-Length");
    struct header_count coding = header(c, "Transfer-Encoding");
    *ret_length = 0;
    if (length.n > 1)
        http_exchange_refuse(x, 400, "Content-Length is given more than once");
    if (length.n && coding.n)
        http_exchange_refuse(x, 400, "Content-Length and Transfer-Encoding exclude each other");
    if (coding.n && (coding.n > 1 || !span_eq_nocase(coding.last, SPAN_LIT("chunked"))))
        http_exchange_refuse(x, 400, "Transfer-Encoding other than chunked");
    int err = length.n ? num_parse(length.last, 0, INT64_MAX, ret_length) : ERR_OK;
    if (err != ERR_OK)
        http_exchange_refuse(x, 400, "Content-Length is no number");
    if (*ret_length > body_max)
        http_exchange_refuse(x, 413, "the body is too large");
}

static bool token_char(char c)
{
    char folded = (char)(c | 0x20);
    return (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool http_is_token(struct span s)
{
    bool token = s.n > 0;
    for (size_t i = 0; i < s.n; i++)
        token &= token_char(s.p[i]);
    return token;
}

/* A name with a blank before its colon is another header to libmicrohttpd, the same one to others.
 */
static enum MHD_Result check_name(void *arg, enum MHD_ValueKind kind, const char *key, size_t key_n,
                                  const char *value, size_t value_n)
{
    (void)kind, (void)value, (void)value_n;
    if (!http_is_token((struct span){key, key_n}))
        http_exchange_refuse(arg, 400, "a header's name is malformed");
    return MHD_YES;
}

static void check_start(struct http_exchange *x, struct MHD_Connection *c, const char *version)
{
    size_t hosts = header(c, "Host").n;
    if (hosts > 1 || (hosts == 0 && strcmp(version, "HTTP/1.0") != 0))
        http_exchange_refuse(x, 400, "exactly one Host header is required");
    /* The version follows the URI's end in the receive buffer; a NUL byte in the URI hides the
     * rest. */
    if (version != x->uri_place + x->uri_n + 1 || strstr(x->uri, "%00"))
        http_exchange_refuse(x, 400, "the path or query contains a NUL byte");
    for (const char *p = x->uri; *p; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7f)
            http_exchange_refuse(x, 400, "the path or query contains control characters or spaces");
    }
}

static bool id_char(char c)
{
    char folded = (char)(c | 0x20);
    return (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
}

static void take_request_id(struct http_exchange *x, struct MHD_Connection *c)
{
    struct header_count id = header(c, "X-Request-Id");
    if (id.n != 1 || id.last.n == 0)
        return;
    for (size_t i = 0; i < id.last.n; i++) {
        if (!id_char(id.last.p[i]))
            return;
    }
    char sane[HTTP_REQUEST_ID_MAX + 1];
    if (span_copy(id.last, sane, sizeof(sane)))
        memcpy(x->request_id, sane, sizeof(sane));
}

bool http_exchange_begin(struct http_exchange *x, struct MHD_Connection *c, const char *method,
                         const char *version, int64_t body_max)
{
    int64_t length;
    take_request_id(x, c);
    MHD_get_connection_values_n(c, MHD_HEADER_KIND, check_name, x);
    check_framing(x, c, body_max, &length);
    check_start(x, c, version);
    bool bodyless = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (bodyless && (length > 0 || header(c, "Transfer-Encoding").n))
        http_exchange_refuse(x, 400, "GET takes no body");
    bool small_overrun =
        x->refusal == 413 && length - body_max <= OVERRUN_MAX && header(c, "Expect").n == 0;
    return x->refusal && !small_overrun;
}

/* Small bodies find room always. */
static bool body_reserve(struct http_exchange *x, size_t n)
{
    if (n <= x->body_cap)
        return true;
    size_t cap = x->body_cap ? x->body_cap : BODY_FIRST;
    while (cap < n)
        cap *= 2;
    bool fits = atomic_fetch_add(&x->room->used, cap) + cap <= x->room->most || cap == BODY_FIRST;
    char *body = fits ? malloc(cap) : NULL; /* realloc would leave the old copy behind */
    if (!body) {
        atomic_fetch_sub(&x->room->used, cap);
        return false;
    }
    size_t kept = x->body_n;
    if (kept)
        memcpy(body, x->body, kept);
    drop_body(x);
    x->body = body;
    x->body_n = kept;
    x->body_cap = cap;
    return true;
}

bool http_exchange_body(struct http_exchange *x, const char *data, size_t n, int64_t body_max)
{
    x->body_seen += n;
    if ((int64_t)x->body_seen > body_max)
        http_exchange_refuse(x, 413, "the body is too large");
    if (!x->refusal && !body_reserve(x, x->body_n + n))
        http_exchange_refuse(x, 503, "too much is being sent at once");
    if (x->refusal)
        return (int64_t)x->body_seen - body_max <= OVERRUN_MAX;
    memcpy(x->body + x->body_n, data, n);
    x->body_n += n;
    return true;
}

/* Origin form and absolute form (RFC 9112 3.2) as path and query. */
static void split_uri(const struct http_exchange *x, struct http_request *r)
{
    struct span uri = {x->uri, x->uri_n};
    size_t scheme_n = span_starts_nocase(uri, SPAN_LIT("http://"))    ? 7
                      : span_starts_nocase(uri, SPAN_LIT("https://")) ? 8
                                                                      : 0;
    if (scheme_n) {
        const char *slash = memchr(uri.p + scheme_n, '/', uri.n - scheme_n);
        uri = slash ? (struct span){slash, uri.n - (size_t)(slash - uri.p)} : SPAN_LIT("/");
    }
    const char *mark = memchr(uri.p, '?', uri.n);
    size_t path_n = mark ? (size_t)(mark - uri.p) : uri.n;
    r->path = (struct span){uri.p, path_n};
    r->query = mark ? (struct span){mark + 1, uri.n - path_n - 1} : (struct span){0};
}

/* Value of a header that came once; empty otherwise. */
static struct span single(struct MHD_Connection *c, const char *name)
{
    struct header_count count = header(c, name);
    return count.n == 1 ? count.last : (struct span){0};
}

struct header_list {
    const char *name;
    FILE *out;
    const char *comma;
};

static enum MHD_Result join_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                   size_t key_n, const char *value, size_t value_n)
{
    (void)kind;
    struct header_list *list = arg;
    if (span_eq_nocase((struct span){key, key_n}, span_of(list->name))) {
        fprintf(list->out, "%s%.*s", list->comma, (int)value_n, value);
        list->comma = ",";
    }
    return MHD_YES;
}

/* All headers of a name as one list (RFC 9110 5.3); empty as well when there is no memory. */
static struct span joined(struct MHD_Connection *c, const char *name, char **text)
{
    struct header_count count = header(c, name);
    struct header_list list = {.name = name, .comma = ""};
    size_t n = 0;
    if (count.n < 2 || *text)
        return *text ? span_of(*text) : count.last;
    list.out = open_memstream(text, &n);
    if (!list.out)
        return (struct span){0};
    MHD_get_connection_values_n(c, MHD_HEADER_KIND, join_header, &list);
    return fclose(list.out) == 0 ? span_of(*text) : (struct span){0};
}

/* IPv4 within IPv6 becomes IPv4. */
static struct addr peer_of(struct MHD_Connection *c)
{
    char text[ADDR_TEXT];
    struct addr a = {.v4.sin_family = AF_INET};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr)
        return a;
    memcpy(&a, info->client_addr,
           info->client_addr->sa_family == AF_INET6 ? sizeof(a.v6) : sizeof(a.v4));
    struct addr plain = a;
    return addr_parse(span_of(addr_text(&a, text)), addr_port(&a), &plain) == ERR_OK ? plain : a;
}

struct http_request http_exchange_request(struct http_exchange *x, struct MHD_Connection *c,
                                          const char *method)
{
    struct http_request r = {
        .method = span_of(method),
        .target = {x->uri,  x->uri_n },
        .content_type = single(c, "Content-Type"),
        .host = single(c, "Host"),
        .range = single(c, "Range"),
        .if_range = single(c, "If-Range"),
        .idempotency_key = single(c, "Idempotency-Key"),
        .forwarded = joined(c, "Forwarded", &x->forwarded),
        .forwarded_for = joined(c, "X-Forwarded-For", &x->forwarded_for),
        .forwarded_proto = single(c, "X-Forwarded-Proto"),
        .authorization = single(c, "Authorization"),
        .cookie = single(c, "Cookie"),
        .if_none_match = single(c, "If-None-Match"),
        .origin = single(c, "Origin"),
        .peer = peer_of(c),
        .body = {x->body, x->body_n},
        .request_id = x->request_id,
        .refusal = x->refusal,
        .refusal_text = x->refusal_text,
        .tls = MHD_get_connection_info(c, MHD_CONNECTION_INFO_PROTOCOL) != NULL,
    };
    split_uri(x, &r);
    return r;
}
