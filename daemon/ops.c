#include "ops.h"

#include <stdlib.h>
#include <string.h>

#include "network.h"
#include "ops_feed.h"
#include "ops_file.h"
#include "ops_search.h"
#include "ops_session.h"

static int send_page(struct op *op, const struct ops_pass *pass, struct http_reply *ret)
{
    (void)pass;
    return ops_file_send(ops_file_find(SPAN_LIT("page.html")), op->http, ret);
}

static int send_login(struct op *op, const struct ops_pass *pass, struct http_reply *ret)
{
    (void)pass;
    return ops_file_send(ops_file_find(SPAN_LIT("login.html")), op->http, ret);
}

static int sign_in(struct op *op, const struct ops_pass *pass, struct http_reply *ret)
{
    (void)pass;
    return ops_session_open(op, ret);
}

static int sign_out(struct op *op, const struct ops_pass *pass, struct http_reply *ret)
{
    (void)pass;
    return ops_session_close(op, ret);
}

static int send_events(struct op *op, const struct ops_pass *pass, struct http_reply *ret)
{
    ret->status = 200;
    ret->content_type = "text/event-stream";
    if (span_eq(op->http->method, SPAN_LIT("HEAD")))
        return ERR_OK;
    int err = ops_feed_watch(service_feed(op->service), pass, &ret->stream);
    if (err != ERR_RANGE)
        return err;
    ret->content_type = NULL;
    return answer_refuse(op->answer, ANSWER_UNAVAILABLE,
                         "as many ops pages are open as ops.viewers allows");
}

static int send_calls(struct op *op, const struct ops_pass *pass, struct http_reply *ret)
{
    (void)pass;
    return ops_search(op, ret);
}

static int send_call(struct op *op, const struct ops_pass *pass, struct http_reply *ret)
{
    (void)pass;
    return ops_search_call(op, ret);
}

enum door {
    OPEN,
    GUARDED, /* strangers get 401 */
    LEADS,   /* strangers are led to the login */
};

typedef int handler(struct op *op, const struct ops_pass *pass, struct http_reply *ret);

static const struct place {
    const char *path;
    bool post; /* POST, else GET and HEAD */
    enum door door;
    handler *run;
} places[] = {
    {"/ops",        false, LEADS,   send_page  },
    {"/ops/login",  false, OPEN,    send_login },
    {"/ops/login",  true,  OPEN,    sign_in    },
    {"/ops/logout", true,  OPEN,    sign_out   },
    {"/ops/events", false, GUARDED, send_events},
    {"/ops/calls",  false, GUARDED, send_calls },
    {"/ops/call",   false, GUARDED, send_call  },
};
enum { PLACES = sizeof(places) / sizeof(*places) };

#define ROOT "/ops"

bool ops_path(struct span path)
{
    size_t n = strlen(ROOT);
    return path.n >= n && memcmp(path.p, ROOT, n) == 0 && (path.n == n || path.p[n] == '/');
}

bool ops_waits(struct span path)
{
    return span_eq(path, SPAN_LIT("/ops/calls")) || span_eq(path, SPAN_LIT("/ops/call"));
}

/* A file by its name; the page and the login stand at paths of their own. */
static const struct ops_file *file_at(struct span path)
{
    size_t n = strlen(ROOT "/");
    if (path.n <= n)
        return NULL;
    const struct ops_file *f = ops_file_find((struct span){path.p + n, path.n - n});
    return f && !strstr(f->name, ".html") ? f : NULL;
}

/* What the login shows is for all. */
static enum door file_door(const struct ops_file *f)
{
    return strstr(f->name, ".js") ? GUARDED : OPEN;
}

static void set_headers(struct http_reply *r)
{
    http_reply_field(r, "Content-Security-Policy", "%s",
                     "default-src 'self'; base-uri 'none'; form-action 'self'; "
                     "frame-ancestors 'none'; object-src 'none'");
    http_reply_field(r, "X-Frame-Options", "DENY");
    http_reply_field(r, "Referrer-Policy", "same-origin");
    http_reply_field(r, "Cross-Origin-Opener-Policy", "same-origin");
    http_reply_field(r, "Cross-Origin-Resource-Policy", "same-origin");
}

static int refuse_stranger(enum door door, struct http_reply *r)
{
    if (door == LEADS) {
        ops_session_lead(r, "/ops/login");
        return ERR_OK;
    }
    r->status = 401;
    r->body = strdup("{\"error\":\"Sign in at /ops/login, or send an operator's token as "
                     "Authorization: Bearer\"}\n");
    http_reply_field(r, "WWW-Authenticate", "Bearer realm=\"ops\"");
    return r->body ? ERR_OK : ERR_NOMEM;
}

/* Lets the request in (ERR_OK and *ret_in), or fills in the reply. */
static int guard(struct op *op, enum door door, struct ops_pass *ret_pass, bool *ret_in,
                 struct http_reply *r)
{
    int err = ops_session_check(op, ret_pass);
    *ret_in = err == ERR_OK || (err == ERR_REFUSED && door == OPEN);
    if (err == ERR_NOT_FOUND)
        return answer_refuse(op->answer, ANSWER_NOT_FOUND, NULL);
    if (err == ERR_REFUSED && !*ret_in)
        return refuse_stranger(door, r);
    return *ret_in ? ERR_OK : err;
}

/* A form of another site's page: browsers tell where it comes from. */
static bool is_foreign(const struct http_request *r)
{
    struct span origin = r->origin;
    size_t n = span_starts_nocase(origin, SPAN_LIT("https://"))  ? 8
               : span_starts_nocase(origin, SPAN_LIT("http://")) ? 7
                                                                 : 0;
    return origin.n && !span_eq_nocase((struct span){origin.p + n, origin.n - n}, r->host);
}

/* The place for path and method; NULL after a refusal in *ret_err. */
static const struct place *find_place(struct op *op, const char **ret_allow, int *ret_err)
{
    const struct http_request *http = op->http;
    bool get = span_eq(http->method, SPAN_LIT("GET")) || span_eq(http->method, SPAN_LIT("HEAD"));
    bool post = span_eq(http->method, SPAN_LIT("POST")), gets = false, posts = false;
    for (size_t i = 0; i < PLACES; i++) {
        if (!span_eq(http->path, span_of(places[i].path)))
            continue;
        if (places[i].post ? post : get)
            return &places[i];
        *(places[i].post ? &posts : &gets) = true;
    }
    if (!gets && !posts) {
        *ret_err = answer_refuse(op->answer, ANSWER_NOT_FOUND, NULL);
        return NULL;
    }
    *ret_allow = gets && posts ? "GET, HEAD, POST" : gets ? "GET, HEAD" : "POST";
    *ret_err = answer_refuse(op->answer, ANSWER_METHOD, NULL);
    return NULL;
}

static int run_place(struct op *op, const struct place *place, struct http_reply *ret)
{
    struct ops_pass pass;
    bool in = false;
    int err = guard(op, place->door, &pass, &in, ret);
    if (err != ERR_OK || !in)
        return err;
    if (place->post && is_foreign(op->http))
        return answer_refuse(op->answer, ANSWER_BAD_REQUEST, "the form is of another site");
    return place->run(op, &pass, ret);
}

static int run_file(struct op *op, const struct ops_file *f, struct http_reply *ret,
                    const char **ret_allow)
{
    struct ops_pass pass;
    bool in = false;
    if (!span_eq(op->http->method, SPAN_LIT("GET")) &&
        !span_eq(op->http->method, SPAN_LIT("HEAD"))) {
        *ret_allow = "GET, HEAD";
        return answer_refuse(op->answer, ANSWER_METHOD, NULL);
    }
    int err = guard(op, file_door(f), &pass, &in, ret);
    return err == ERR_OK && in ? ops_file_send(f, op->http, ret) : err;
}

int ops_serve(struct op *op, struct http_reply *ret, const char **ret_allow)
{
    int err = ERR_OK;
    struct span networks = span_of(service_conf(op->service)->ops.allow);
    if (networks.n && !network_list_holds(networks, &op->client.addr))
        return answer_refuse(op->answer, ANSWER_NOT_FOUND, NULL);
    if (!service_ready(op->service))
        return answer_refuse(op->answer, ANSWER_UNAVAILABLE, "the store is not ready yet");
    set_headers(ret);
    const struct ops_file *f = file_at(op->http->path);
    if (f)
        return run_file(op, f, ret, ret_allow);
    const struct place *place = find_place(op, ret_allow, &err);
    return place ? run_place(op, place, ret) : err;
}
