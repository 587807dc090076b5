#include "audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "secret.h"

enum { ID_BYTES = 8, ID_TEXT = 2 * ID_BYTES + 1, PARAMS_MAX = 1500 };

static void put_params(FILE *out, const struct endpoint *e, const struct request *r)
{
    for (const struct param *p = e->params; p->name; p++) {
        for (size_t i = 0; i < r->n && ftell(out) < PARAMS_MAX; i++) {
            const struct request_param *raw = &r->params[i];
            bool hidden = p->secret || raw->file_name.p;
            if (endpoint_is_named(p, raw->name))
                audit_param(out, p->name, hidden ? SPAN_LIT(AUDIT_HIDDEN) : raw->value);
        }
    }
}

static int params_of(const struct endpoint *e, const struct request *r, char **ret)
{
    size_t n = 0;
    FILE *out = open_memstream(ret, &n);
    if (!out)
        return ERR_NOMEM;
    put_params(out, e, r);
    if (fclose(out) == 0)
        return ERR_OK;
    free(*ret);
    return ERR_NOMEM;
}

int audit_write(struct op *op, const struct endpoint *e, const struct request *request,
                enum answer_code code)
{
    char id[ID_TEXT], *params = NULL;
    struct redisReply *r = NULL;
    int err = secret_random_hex(ID_BYTES, id);
    if (err == ERR_OK)
        err = params_of(e, request, &params);
    if (err != ERR_OK)
        return err;
    err = redis_fcall(op->redis, &r, "audit_add", key_audit(op->account).text, id, op->who, "rest",
                      op->client.text, op->http->request_id, e->name, params,
                      answer_codes[code].code, answer_error(op->answer), NULL);
    reply_free(r);
    free(params);
    return err == ERR_REFUSED ? ERR_OK : err;
}
