#include "auth.h"

#include "reply.h"
#include "secret.h"

/* Reply of account_auth: ok, status, then hash and scope of each token. All are compared, so that
 * the time tells nothing about which one came close. */
static bool token_find(const struct redisReply *r, struct span token, const char **ret_scope)
{
    char hash[SECRET_SHA256_HEX];
    bool found = false;
    secret_sha256_hex(token, hash);
    for (size_t i = 2; i + 1 < reply_count(r); i += 2) {
        if (secret_eq(span_of(hash), reply_span(r, i))) {
            found = true;
            *ret_scope = reply_text(r, i + 1);
        }
    }
    return found;
}

static int judge(struct op *op, const struct redisReply *r, struct span token,
                 enum endpoint_access access)
{
    const char *scope = "";
    bool found = token_find(r, token, &scope);
    if (strcmp(reply_text(r, 1), "1") != 0)
        return answer_refuse(op->answer, ANSWER_INVALID_ACCOUNT, NULL);
    if (!found)
        return answer_refuse(op->answer, ANSWER_INVALID_TOKEN, NULL);
    if (access != ENDPOINT_READ && strcmp(scope, "read") == 0)
        return answer_refuse(op->answer, ANSWER_INVALID_TOKEN, "the token may only read");
    return ERR_OK;
}

int auth_check(struct op *op, struct span token, enum endpoint_access access)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(op->redis, &r, "account_auth", op->account_key.text, NULL);
    if (err == ERR_REFUSED)
        err = answer_refuse(op->answer, ANSWER_INVALID_ACCOUNT, NULL);
    else if (err == ERR_OK)
        err = judge(op, r, token, access);
    reply_free(r);
    return err;
}
