#include "api.h"

#include <inttypes.h>
#include <stdio.h>

#include "audit.h"
#include "auth.h"
#include "clock.h"
#include "download.h"
#include "log.h"
#include "once.h"
#include "op.h"
#include "ops.h"
#include "page.h"

enum { RETRY_AFTER_S = 1 };

struct api_call {
    const struct http_request *http;
    const struct endpoint *endpoint; /* NULL: not known (yet) */
    const char *allow;
    struct scratch mem;
    struct request request;
    struct op op;
    struct http_reply *reply;
    struct kept_reply *kept; /* what the reply becomes, if it may be kept */
};

static const struct endpoint *find_endpoint(struct span path)
{
    static const char *const roots[] = {"/api/did/", "/"};
    for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
        size_t n = strlen(roots[i]);
        if (path.n > n && memcmp(path.p, roots[i], n) == 0)
            return endpoint_find((struct span){path.p + n, path.n - n});
    }
    return NULL;
}

bool api_waits(struct span path)
{
    const struct endpoint *e = find_endpoint(path);
    return ops_waits(path) || (e && e->access == ENDPOINT_PAY);
}

bool api_takes_files(struct span path)
{
    const struct endpoint *e = find_endpoint(path);
    for (size_t i = 0; e && e->params[i].name; i++) {
        if (e->params[i].type == PARAM_FILE)
            return true;
    }
    return false;
}

static int check_method(struct api_call *c)
{
    bool post = span_eq(c->http->method, SPAN_LIT("POST"));
    bool get = span_eq(c->http->method, SPAN_LIT("GET"));
    if (post || (get && c->endpoint->access == ENDPOINT_READ))
        return ERR_OK;
    c->allow = c->endpoint->access == ENDPOINT_READ ? "GET, POST" : "POST";
    return answer_refuse(c->op.answer, ANSWER_METHOD, NULL);
}

static int read_request(struct api_call *c)
{
    struct request *r = &c->request;
    r->mem = &c->mem;
    int err = request_add_query(r, c->http->query);
    if (err == ERR_OK)
        err = request_add_body(r, c->http->content_type, c->http->body);
    if (err == ERR_INVALID)
        return answer_refuse(c->op.answer, ANSWER_BAD_REQUEST, r->fault);
    if (err == ERR_REFUSED)
        return answer_refuse(c->op.answer, ANSWER_MEDIA_TYPE,
                             c->http->content_type.n ? NULL : "the body has no Content-Type");
    return err;
}

/* Account number, then token. */
static int authenticate(struct api_call *c)
{
    struct arg account, token;
    const char *detail = NULL;
    int err = endpoint_read_one(&c->request, &endpoint_account, &account, &detail);
    if (err == ERR_INVALID)
        return answer_refuse(c->op.answer, ANSWER_INVALID_ACCOUNT, detail);
    if (err == ERR_OK)
        err = endpoint_read_one(&c->request, &endpoint_token, &token, &detail);
    if (err == ERR_INVALID)
        return answer_refuse(c->op.answer, ANSWER_INVALID_TOKEN, detail);
    if (err != ERR_OK)
        return err;
    c->op.account = account.text;
    c->op.account_key = key_account(account.text);
    return auth_check(&c->op, span_of(token.text), c->endpoint);
}

/* Before any other parameter is looked at. */
static int check_account(struct api_call *c)
{
    int err = authenticate(c);
    enum answer_code code = answer_result(c->op.answer);
    if (code == ANSWER_INVALID_ACCOUNT || code == ANSWER_INVALID_TOKEN || code == ANSWER_ADDRESS)
        auth_failed(&c->op);
    return err;
}

/* What the endpoint doesn't know has no effect, and that is told. */
static void tell_ignored(struct api_call *c)
{
    char names[HTTP_FIELD_MAX] = "";
    size_t n = 0;
    for (size_t i = 0; i < c->request.n; i++) {
        struct span name = c->request.params[i].name;
        bool fits = n + name.n + 2 < sizeof(names);
        if (!fits || endpoint_knows(c->endpoint, name) || !http_is_token(name))
            continue;
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%.*s", n ? ", " : "", (int)name.n,
                              name.p);
    }
    if (n)
        http_reply_field(c->reply, "X-Ignored-Parameters", "%s", names);
}

/* What the reply tells of; 0: it can't be kept. */
static size_t bases_of(const struct api_call *c, struct kept_base ret[KEPT_BASES])
{
    const struct op *op = &c->op;
    ret[0].key = ret[1].key = op->account_key;
    switch (c->endpoint->kept) {
    case ENDPOINT_KEPT_NOT:
        return 0;
    case ENDPOINT_KEPT_ACCOUNT:
        return 1;
    case ENDPOINT_KEPT_STATE:
        ret[1].key = key_inventory(op_text(op, "state"));
        return 2;
    case ENDPOINT_KEPT_TOLLFREE:
        ret[1].key = key_inventory("tf");
        return 2;
    case ENDPOINT_KEPT_STATS:
        return op_arg(op, "number")->count == 1 &&
                       span_copy(span_of(op_arg(op, "number")->items[0]), ret[1].number,
                                 sizeof(ret[1].number))
                   ? 2
                   : 0;
    }
    return 0;
}

/* Begins a reply that may be kept. Whether the token may still be used is asked after the revision:
 * the answer is kept with it. */
static struct kept_reply *begin_kept(struct api_call *c)
{
    struct kept_base bases[KEPT_BASES] = {0};
    struct auth_record *record = NULL;
    size_t n = span_eq(c->http->method, SPAN_LIT("GET")) ? bases_of(c, bases) : 0;
    struct kept_reply *r = n ? kept_begin(service_kept(c->op.service), bases, n) : NULL;
    if (!r)
        return NULL;
    if (auth_cache_get(service_auth(c->op.service), c->op.redis, c->op.account, false, &record) !=
        ERR_OK) {
        kept_drop(r);
        return NULL;
    }
    r->record = record;
    r->endpoint = c->endpoint;
    memcpy(r->token, c->op.token, sizeof(r->token));
    secret_sha256_hex(c->http->target, r->request);
    return r;
}

static void release_kept(void *reply)
{
    kept_drop(reply);
}

/* Makes the reply out of one that is kept; takes the reference. */
static void give(struct http_reply *ret, struct kept_reply *kept)
{
    ret->body = kept->body;
    ret->body_n = kept->body_n;
    ret->release = release_kept;
    ret->owner = kept;
}

/* Keeps a success; one with headers of its own has them for this request alone. */
static void end_kept(struct api_call *c, enum answer_code code)
{
    struct kept_reply *r = c->kept;
    if (!r || code != ANSWER_OK || !c->reply->body || c->reply->field_n) {
        kept_drop(r);
        return;
    }
    r->body = c->reply->body;
    r->body_n = strlen(r->body);
    atomic_fetch_add(&r->users, 1);
    give(c->reply, r);
    kept_put(service_kept(c->op.service), r);
}

static int run_endpoint(struct api_call *c)
{
    struct endpoint_fault fault = {0};
    tell_ignored(c);
    int err = endpoint_read(c->endpoint, &c->request, &c->op.args, &fault);
    if (err == ERR_INVALID)
        return answer_invalid(c->op.answer, fault.param, fault.detail);
    if (err != ERR_OK)
        return err;
    c->kept = begin_kept(c);
    return once_run(&c->op, &c->request);
}

/* What needs no account's token. */
static bool is_public(struct span path)
{
    return download_path(path) || page_path(path);
}

/* What fills in the reply by itself. */
static bool is_apart(struct span path)
{
    return is_public(path) || ops_path(path);
}

/* A file needs its link alone; nobody else learns whether it is there. */
static int send_public(struct api_call *c, struct service *s)
{
    bool get =
        span_eq(c->http->method, SPAN_LIT("GET")) || span_eq(c->http->method, SPAN_LIT("HEAD"));
    if (!get) {
        c->allow = "GET, HEAD";
        return answer_refuse(c->op.answer, ANSWER_METHOD, NULL);
    }
    if (page_path(c->http->path))
        return page(c->http, c->reply);
    if (!service_ready(s))
        return answer_refuse(c->op.answer, ANSWER_UNAVAILABLE, "the store is not ready yet");
    int err = download(s, &c->mem, c->http, c->reply);
    if (err != ERR_NOT_FOUND)
        return err;
    auth_failed(&c->op);
    return answer_refuse(c->op.answer, ANSWER_NOT_FOUND, NULL);
}

static int dispatch(struct api_call *c, struct service *s)
{
    if (c->http->refusal)
        return answer_refuse(c->op.answer,
                             c->http->refusal == 413   ? ANSWER_TOO_LARGE
                             : c->http->refusal == 503 ? ANSWER_UNAVAILABLE
                                                       : ANSWER_FRAMING,
                             c->http->refusal_text);
    int err = auth_admit(&c->op);
    if (err != ERR_OK)
        return err;
    if (is_public(c->http->path))
        return send_public(c, s);
    if (ops_path(c->http->path))
        return ops_serve(&c->op, c->reply, &c->allow);
    c->endpoint = find_endpoint(c->http->path);
    if (!c->endpoint)
        return answer_refuse(c->op.answer, ANSWER_NOT_FOUND, NULL);
    err = check_method(c);
    if (err == ERR_OK)
        err = read_request(c);
    if (err == ERR_OK && !service_ready(s))
        err = answer_refuse(c->op.answer, ANSWER_UNAVAILABLE, "the store is not ready yet");
    if (err == ERR_OK)
        err = check_account(c);
    return err == ERR_OK ? run_endpoint(c) : err;
}

/* Errors of the store as a refusal; what the operation refused itself stays. */
static enum answer_code conclude(struct api_call *c, int err)
{
    bool refused = err == ERR_REFUSED && answer_result(c->op.answer) != ANSWER_OK;
    bool store = err == ERR_TIMEOUT || err == ERR_UNAVAILABLE || err == ERR_VERSION;
    if (err != ERR_OK && !refused) {
        log_error("request %s: %s: %s", c->http->request_id, c->endpoint ? c->endpoint->name : "-",
                  err_text(err));
        err = answer_refuse(c->op.answer, store ? ANSWER_UNAVAILABLE : ANSWER_INTERNAL, NULL);
    }
    return err == ERR_OK ? ANSWER_OK : answer_result(c->op.answer);
}

/* A write is noted before it is answered; one that can't be noted is not acknowledged. */
static enum answer_code note(struct api_call *c, enum answer_code code)
{
    bool write = c->endpoint && c->endpoint->access != ENDPOINT_READ;
    if (!write || !c->op.who || code == ANSWER_TOO_MANY)
        return code;
    int err = audit_write(&c->op, c->endpoint, &c->request, code);
    if (err == ERR_OK)
        return code;
    log_error("request %s: not in the audit log: %s", c->http->request_id, err_text(err));
    err = answer_refuse(c->op.answer, ANSWER_UNAVAILABLE, NULL);
    return err == ERR_REFUSED ? ANSWER_UNAVAILABLE : ANSWER_INTERNAL;
}

/* What a request was for, among a few names. */
static const char *subject(const struct api_call *c)
{
    struct span path = c->http->path;
    return c->endpoint           ? c->endpoint->name
           : page_path(path)     ? "page"
           : ops_path(path)      ? "ops"
           : download_path(path) ? "file"
                                 : "none";
}

static void log_request(const struct op *op, const struct endpoint *endpoint, int status,
                        int64_t us)
{
    const struct http_request *http = op->http;
    log_info("request %s: %.*s %s account %s from %s: %d in %lld ms", http->request_id,
             (int)(http->method.n > 16 ? 16 : http->method.n), http->method.p,
             endpoint ? endpoint->name : "-", op->account ? op->account : "-", op->client.text,
             status, (long long)(us / 1000));
}

static void tell_limit(struct http_reply *r, const struct limit_state *limit)
{
    if (!limit->limited)
        return;
    http_reply_field(r, "X-RateLimit-Limit", "%" PRId64, limit->most);
    http_reply_field(r, "X-RateLimit-Remaining", "%" PRId64, limit->left);
    http_reply_field(r, "X-RateLimit-Reset", "%" PRId64, limit->full_s);
}

static int retry_after(enum answer_code code, const struct limit_state *limit)
{
    if (code == ANSWER_TOO_MANY)
        return limit->retry_s > 0 ? (int)limit->retry_s : 1;
    return code == ANSWER_UNAVAILABLE ? RETRY_AFTER_S : 0;
}

void api_handle(void *arg, const struct http_request *http, struct http_reply *ret)
{
    int64_t began_us = clock_boot_us();
    struct service *s = arg;
    struct api_call c = {.http = http, .reply = ret};
    c.op = (struct op){.service = s, .redis = service_redis(s), .mem = &c.mem, .http = http};
    c.op.client = client_of(http, service_conf(s)->http.trusted_proxies,
                            service_conf(s)->http.forwarded_header);
    service_policy_get(s, &c.op.policy);
    ret->status = 500;
    if (answer_new(&c.op.answer) != ERR_OK)
        return;
    enum answer_code code = note(&c, conclude(&c, dispatch(&c, s)));
    bool apart = code == ANSWER_OK && is_apart(http->path);
    if (!apart && answer_render(c.op.answer, http->request_id, &ret->body) == ERR_OK)
        ret->status = answer_codes[code].http;
    end_kept(&c, code);
    ret->allow = c.allow;
    ret->retry_after_s = retry_after(code, &c.op.limit);
    tell_limit(ret, &c.op.limit);
    int64_t us = clock_boot_us() - began_us;
    log_request(&c.op, c.endpoint, ret->status, us);
    tally_request(service_tally(s), subject(&c), ret->status, us);
    answer_free(c.op.answer);
    scratch_clear(&c.mem);
}

bool api_reuse(void *arg, struct kept_reply *kept, const struct http_request *http,
               struct http_reply *ret)
{
    int64_t began_us = clock_boot_us();
    struct service *s = arg;
    struct op op = {.service = s, .http = http, .account = auth_record_account(kept->record)};
    op.client = client_of(http, service_conf(s)->http.trusted_proxies,
                          service_conf(s)->http.forwarded_header);
    if (!service_ready(s) || !auth_again(&op, kept->record, kept->token, kept->endpoint))
        return false;
    ret->status = answer_codes[ANSWER_OK].http;
    atomic_fetch_add(&kept->users, 1);
    give(ret, kept);
    tell_limit(ret, &op.limit);
    int64_t us = clock_boot_us() - began_us;
    log_request(&op, kept->endpoint, ret->status, us);
    tally_request(service_tally(s), kept->endpoint->name, ret->status, us);
    return true;
}
