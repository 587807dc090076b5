#include "once.h"

#include <stdlib.h>

#include "log.h"
#include "reply.h"
#include "secret.h"

enum { HEADER_MAX = 255, DIGEST_BYTES = 32 };

#define UNDER_WAY_MS "120000"   /* longer than any write takes; then it may be tried again */
#define KEPT_MS      "86400000" /* 24 hours */

struct once {
    char name[2 * DIGEST_BYTES + 1], digest[2 * DIGEST_BYTES + 1];
};

static void put_digest(FILE *out, struct span text)
{
    char hex[SECRET_SHA256_HEX];
    secret_sha256_hex(text, hex);
    fprintf(out, "%s\n", hex);
}

/* Endpoint and parameters as received, whatever their encoding; a new token changes nothing. */
static void put_request(FILE *out, const struct op *op, const struct request *r)
{
    fprintf(out, "idempotent request\n%s\n", op->args.endpoint->name);
    for (size_t i = 0; i < r->n; i++) {
        if (span_eq(r->params[i].name, span_of(endpoint_token.name)))
            continue;
        put_digest(out, r->params[i].name);
        put_digest(out, r->params[i].value);
    }
}

static int make_digests(const struct op *op, const struct request *r, struct once *ret)
{
    struct span secret = span_of(service_secret(op->service)), key = op->http->idempotency_key;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return ERR_NOMEM;
    put_request(out, op, r);
    if (fclose(out) != 0) {
        free(text);
        return ERR_NOMEM;
    }
    secret_hmac_hex(secret, (struct span){text, n}, DIGEST_BYTES, ret->digest);
    free(text);
    text = scratch_printf(op->mem, "idempotency key\n%.*s", (int)key.n, key.p);
    if (!text)
        return ERR_NOMEM;
    secret_hmac_hex(secret, span_of(text), DIGEST_BYTES, ret->name);
    return ERR_OK;
}

static int refuse_again(struct op *op, const struct redisReply *r)
{
    const char *word = reply_text(r, 0);
    if (strcmp(word, "conflict") == 0)
        return answer_refuse(op->answer, ANSWER_IDEMPOTENCY, "another request had this key");
    if (strcmp(word, "busy") == 0)
        return answer_refuse(op->answer, ANSWER_IDEMPOTENCY,
                             "the first request with this key is under way");
    return answer_refuse(op->answer, ANSWER_INVALID_ACCOUNT, NULL);
}

/* ERR_OK: *ret_known says whether the answer is as before already. */
static int begin(struct op *op, const struct once *o, bool *ret_known)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(op->redis, &r, "request_begin", op->account_key.text, o->name, o->digest,
                          UNDER_WAY_MS, NULL);
    if (err == ERR_REFUSED)
        err = refuse_again(op, r);
    else if (err == ERR_OK && strcmp(reply_text(r, 1), "done") == 0) {
        *ret_known = true;
        err = answer_load(op->answer, reply_span(r, 2));
    }
    reply_free(r);
    return err;
}

static int keep(struct op *op, const struct once *o)
{
    struct redisReply *r = NULL;
    char *body = NULL;
    int err = answer_render(op->answer, op->http->request_id, &body);
    if (err == ERR_OK)
        err = redis_fcall(op->redis, &r, "request_finish", op->account_key.text, o->name, o->digest,
                          KEPT_MS, body, NULL);
    free(body);
    reply_free(r);
    return err;
}

static int forget(struct op *op, const struct once *o)
{
    struct redisReply *r = NULL;
    int err =
        redis_fcall(op->redis, &r, "request_drop", op->account_key.text, o->name, o->digest, NULL);
    reply_free(r);
    return err;
}

/* Successes and refusals in the contract's shape are final; after trouble of ours the client may
 * try again. */
static void settle(struct op *op, const struct once *o, int result)
{
    enum answer_code code = answer_result(op->answer);
    bool final = result == ERR_OK || (result == ERR_REFUSED && answer_codes[code].http == 404);
    int err = final ? keep(op, o) : forget(op, o);
    if (err != ERR_OK)
        log_warn("request %s: its Idempotency-Key is not kept: %s", op->http->request_id,
                 err_text(err));
}

int once_run(struct op *op, const struct request *request)
{
    const struct endpoint *e = op->args.endpoint;
    struct once o;
    bool known = false;
    if (e->access != ENDPOINT_WRITE || !op->http->idempotency_key.n)
        return e->run(op);
    if (op->http->idempotency_key.n > HEADER_MAX)
        return answer_refuse(op->answer, ANSWER_BAD_REQUEST,
                             "the Idempotency-Key is longer than 255 bytes");
    int err = make_digests(op, request, &o);
    if (err == ERR_OK)
        err = begin(op, &o, &known);
    if (err != ERR_OK || known)
        return err == ERR_OK && answer_result(op->answer) != ANSWER_OK ? ERR_REFUSED : err;
    err = e->run(op);
    settle(op, &o, err);
    return err;
}
