#include "ops_session.h"

#include <inttypes.h>

#include "auth.h"
#include "log.h"
#include "network.h"
#include "reply.h"
#include "request.h"

enum { SESSION_BYTES = 32, HASH_SHOWN = 12, SECRET_LONGEST = 200, HOUR_S = 3600 };

#define COOKIE  "trunkline_ops"
#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

/* Elements of operator_find's reply. */
enum { LABEL = 1, TOKEN_HASH, ALLOW };

/* Value of our cookie (RFC 6265 4.2.1). */
static struct span cookie_of(struct span header)
{
    struct span part;
    size_t n = strlen(COOKIE "=");
    while (span_cut(&header, ';', &part)) {
        part = span_trim(part);
        if (part.n > n && memcmp(part.p, COOKIE "=", n) == 0)
            return (struct span){part.p + n, part.n - n};
    }
    return (struct span){0};
}

/* RFC 6750 2.1. */
static struct span bearer_of(struct span header)
{
    size_t n = strlen("Bearer ");
    if (!span_starts_nocase(header, SPAN_LIT("Bearer ")))
        return (struct span){0};
    return span_trim((struct span){header.p + n, header.n - n});
}

static struct ops_pass pass_of(const struct http_request *r)
{
    struct span bearer = bearer_of(r->authorization), cookie = cookie_of(r->cookie);
    struct ops_pass pass = {.kind = bearer.n ? "token" : "session", .hash = NO_HASH};
    struct span secret = bearer.n ? bearer : cookie;
    if (secret.n && secret.n <= SECRET_LONGEST)
        secret_sha256_hex(secret, pass.hash);
    return pass;
}

static int find(struct redis_pool *redis, const struct ops_pass *pass, struct redisReply **ret)
{
    int err = redis_fcall_ro(redis, ret, "operator_find", KEY_OPS, pass->kind, pass->hash, NULL);
    return err == ERR_REFUSED && strcmp(reply_word(*ret), "none") == 0 ? ERR_NOT_FOUND : err;
}

static bool may_from(const struct op *op, struct span networks)
{
    return !networks.n || network_list_holds(networks, &op->client.addr);
}

int ops_session_check(struct op *op, struct ops_pass *ret)
{
    struct redisReply *r = NULL;
    *ret = pass_of(op->http);
    int err = find(op->redis, ret, &r);
    if (err == ERR_OK && !may_from(op, reply_span(r, ALLOW)))
        err = ERR_REFUSED;
    if (err == ERR_OK) {
        op->who = scratch_printf(op->mem, "%s %.*s", reply_text(r, LABEL), HASH_SHOWN,
                                 reply_text(r, TOKEN_HASH));
        err = op->who ? ERR_OK : ERR_NOMEM;
    }
    if (err == ERR_REFUSED && op->http->authorization.n)
        auth_failed(op);
    reply_free(r);
    return err;
}

int ops_session_recheck(struct redis_pool *redis, const struct ops_pass *pass)
{
    struct redisReply *r = NULL;
    int err = find(redis, pass, &r);
    reply_free(r);
    return err;
}

void ops_session_lead(struct http_reply *r, const char *to)
{
    r->status = 303;
    http_reply_field(r, "Location", "%s", to);
}

static void set_cookie(const struct op *op, struct http_reply *r, const char *value, int64_t age_s)
{
    http_reply_field(r, "Set-Cookie",
                     COOKIE "=%s; Path=/ops; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s",
                     value, age_s, op->client.secure ? "; Secure" : "");
}

/* The token of the form; empty when there is none. */
static struct span token_of(struct op *op)
{
    struct request form = {.mem = op->mem};
    struct span token = {0};
    int err = request_add_body(&form, op->http->content_type, op->http->body);
    for (size_t i = 0; err == ERR_OK && i < form.n; i++) {
        if (span_eq(form.params[i].name, SPAN_LIT("token")) && form.params[i].flaw == REQUEST_FINE)
            token = span_trim(form.params[i].value);
    }
    return token.n <= SECRET_LONGEST ? token : (struct span){0};
}

static int open_session(struct op *op, struct span token, char id[2 * SESSION_BYTES + 1])
{
    char token_hash[SECRET_SHA256_HEX], hash[SECRET_SHA256_HEX];
    struct redisReply *r = NULL;
    int64_t hours = service_conf(op->service)->ops.session_hours;
    if (secret_random_hex(SESSION_BYTES, id) != ERR_OK)
        return ERR_SYSTEM;
    secret_sha256_hex(token, token_hash);
    secret_sha256_hex(span_of(id), hash);
    const char *life = scratch_printf(op->mem, "%" PRId64, hours * HOUR_S * 1000);
    if (!life)
        return ERR_NOMEM;
    const struct ops_pass pass = {"session", NO_HASH};
    int err = find(op->redis, &pass, &r); /* whether there are operators at all */
    reply_free(r);
    r = NULL;
    if (err == ERR_REFUSED)
        err = redis_fcall(op->redis, &r, "session_open", KEY_OPS, token_hash, hash, life, NULL);
    if (err == ERR_OK && !may_from(op, reply_span(r, 2))) {
        reply_free(r);
        r = NULL;
        err = redis_fcall(op->redis, &r, "session_close", KEY_OPS, hash, NULL);
        err = err == ERR_OK ? ERR_REFUSED : err;
    } else if (err == ERR_OK) {
        log_info("ops page: %s signed in from %s", reply_text(r, LABEL), op->client.text);
    }
    reply_free(r);
    return err;
}

int ops_session_open(struct op *op, struct http_reply *ret)
{
    char id[2 * SESSION_BYTES + 1];
    int err = open_session(op, token_of(op), id);
    if (err == ERR_REFUSED) {
        auth_failed(op);
        log_warn("ops page: a wrong token from %s", op->client.text);
        ops_session_lead(ret, "/ops/login#failed");
        return ERR_OK;
    }
    if (err != ERR_OK)
        return err;
    set_cookie(op, ret, id, service_conf(op->service)->ops.session_hours * HOUR_S);
    ops_session_lead(ret, "/ops");
    return ERR_OK;
}

int ops_session_close(struct op *op, struct http_reply *ret)
{
    struct ops_pass pass = pass_of(op->http);
    struct redisReply *r = NULL;
    int err = redis_fcall(op->redis, &r, "session_close", KEY_OPS, pass.hash, NULL);
    reply_free(r);
    if (err != ERR_OK)
        return err;
    set_cookie(op, ret, "", 0);
    ops_session_lead(ret, "/ops/login");
    return ERR_OK;
}
