#include "op.h"

#include <assert.h>
#include <inttypes.h>
#include <time.h>

#include "link.h"
#include "reply.h"

const struct arg *op_arg(const struct op *op, const char *name)
{
    const struct param *params = op->args.endpoint->params;
    for (size_t i = 0; params[i].name; i++) {
        if (strcmp(params[i].name, name) == 0)
            return &op->args.values[i];
    }
    assert(!"a parameter that the endpoint's row does not list");
    static const struct arg none = {.text = ""};
    return &none;
}

const char *op_text(const struct op *op, const char *name)
{
    return op_arg(op, name)->text;
}

int64_t op_number(const struct op *op, const char *name, int64_t otherwise)
{
    const struct arg *arg = op_arg(op, name);
    return arg->set ? arg->number : otherwise;
}

bool op_paged(const struct op *op)
{
    return op_arg(op, "limit")->set || op_arg(op, "offset")->set;
}

void op_total(struct op *op, int64_t total)
{
    if (op_paged(op))
        answer_int(op->answer, "total", total);
}

struct op_page op_page(struct op *op, size_t total, size_t most)
{
    size_t limit = (size_t)op_number(op, "limit", most ? (int64_t)most : INT64_MAX);
    size_t from = (size_t)op_number(op, "offset", 0);
    if (from > total)
        from = total;
    op_total(op, (int64_t)total);
    return (struct op_page){from, total - from > limit ? from + limit : total};
}

int op_next(struct op *op, const char *sequence, int64_t first, const char **ret)
{
    struct redisReply *r = NULL;
    char from[24];
    snprintf(from, sizeof(from), "%" PRId64, first);
    int err = redis_fcall(op->redis, &r, "seq_next", key_sequence(sequence).text, from, NULL);
    if (err == ERR_OK) {
        const char *text = scratch_text(op->mem, reply_span(r, 1));
        err = text ? ERR_OK : ERR_NOMEM;
        *ret = text ? text : *ret;
    }
    reply_free(r);
    return err;
}

void op_pair(struct cmd *c, const char *field, const char *value)
{
    cmd_text(c, field);
    cmd_text(c, value);
}

int op_place(struct op *op, const char *param)
{
    if (strchr(op_text(op, param), '|'))
        return answer_invalid(op->answer, param, "contains '|'");
    return ERR_OK;
}

/* RFC 3986 3.2.2, without what no host of ours has. */
static bool host_valid(struct span host)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:-[]";
    for (size_t i = 0; i < host.n; i++) {
        if (!memchr(allowed, host.p[i], sizeof(allowed) - 1))
            return false;
    }
    return host.n > 0;
}

/* What links begin with: the configured base, or the host that the client asked. */
static const char *base_url(const struct op *op)
{
    const char *configured = service_conf(op->service)->http.base_url;
    struct span host = op->http->host;
    if (*configured)
        return configured;
    if (!host_valid(host)) {
        struct span rest = span_of(op->http->tls ? service_conf(op->service)->http.tls_listen
                                                 : service_conf(op->service)->http.listen);
        span_cut(&rest, ',', &host);
    }
    return scratch_printf(op->mem, "http%s://%.*s", op->client.secure ? "s" : "", (int)host.n,
                          host.p);
}

char *op_link(const struct op *op, const char *path)
{
    int64_t life_s = service_conf(op->service)->files.link_hours * 3600;
    const char *base = base_url(op);
    return base ? link_make(op->mem, service_secret(op->service), base, path, time(NULL) + life_s)
                : NULL;
}

struct saga op_saga(const struct op *op)
{
    return service_saga(&op->policy, op->redis, op->mem, op->account);
}
