#include "endpoint.h"

#include <inttypes.h>

static const char *const alias_groups[][5] = {
    {"tg_id",    "trunkid", "trunkId", "trunk_id", NULL},
    {"orderId",      "orderno",               "orderNo",                NULL},
    {"number", "numbers","did",NULL},
    {"NPANXX", "npanxx",              NULL                                 },
};

const struct param endpoint_account = {
    .name = "accountno", .type = PARAM_ACCOUNT, .required = true, .doc = "Account number."};
const struct param endpoint_token = {.name = "token",
                                     .type = PARAM_TEXT,
                                     .required = true,
                                     .min = 1,
                                     .max = 256,
                                     .doc = "A token of the account."};

const struct endpoint *endpoint_find(struct span name)
{
    for (size_t i = 0; i < endpoint_count; i++) {
        if (span_eq(name, span_of(endpoints[i].name)))
            return &endpoints[i];
    }
    return NULL;
}

const char *endpoint_scope_text(enum endpoint_scope scope)
{
    static const char *const texts[] = {
        [ENDPOINT_SCOPE_READ] = "read",
        [ENDPOINT_SCOPE_WRITE] = "write",
        [ENDPOINT_SCOPE_BILLING] = "billing",
    };
    return texts[scope];
}

const char *const *endpoint_aliases(const char *name)
{
    for (size_t i = 0; i < sizeof(alias_groups) / sizeof(*alias_groups); i++) {
        for (const char *const *alias = alias_groups[i]; *alias; alias++) {
            if (strcmp(*alias, name) == 0)
                return alias_groups[i];
        }
    }
    return NULL;
}

bool endpoint_is_named(const struct param *p, struct span name)
{
    const char *const *alias = endpoint_aliases(p->name);
    if (!alias)
        return span_eq(name, span_of(p->name));
    while (*alias && !span_eq(name, span_of(*alias)))
        alias++;
    return *alias != NULL;
}

bool endpoint_knows(const struct endpoint *e, struct span name)
{
    const struct param *p = e->params;
    while (p->name && !endpoint_is_named(p, name))
        p++;
    return p->name || endpoint_is_named(&endpoint_account, name) ||
           endpoint_is_named(&endpoint_token, name);
}

static const struct request_param *raw_find(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++) {
        if (span_eq(r->params[i].name, span_of(name)))
            return &r->params[i];
    }
    return NULL;
}

/* The parameter under any spelling; two spellings at once set *ret_repeated. */
static const struct request_param *raw_find_any(const struct request *r, const char *name,
                                                bool *ret_repeated)
{
    const char *const *alias = endpoint_aliases(name);
    if (!alias)
        return raw_find(r, name);
    const struct request_param *found = NULL;
    for (; *alias; alias++) {
        const struct request_param *raw = raw_find(r, *alias);
        *ret_repeated |= raw && found;
        found = raw ? raw : found;
    }
    return found;
}

static const char *range_text(const struct param *p, struct scratch *mem)
{
    const char *unit = p->type == PARAM_TEXT     ? " characters"
                       : p->type == PARAM_DIGITS ? " digits"
                                                 : "";
    bool bounded = p->max && p->type != PARAM_MONEY;
    const char *text =
        bounded ? scratch_printf(mem, "must be %" PRId64 " to %" PRId64 "%s", p->min, p->max, unit)
                : NULL;
    return text ? text : "is out of range";
}

static const char *type_text(const struct param *p, struct scratch *mem)
{
    const char *text = p->type == PARAM_CHOICE
                           ? scratch_printf(mem, "must be one of %s", p->choices)
                           : scratch_printf(mem, "expected: %s", param_type_text(p->type));
    return text ? text : "malformed";
}

int endpoint_read_one(const struct request *r, const struct param *p, struct arg *ret,
                      const char **ret_detail)
{
    bool repeated = false;
    const struct request_param *raw = raw_find_any(r, p->name, &repeated);
    enum request_flaw flaw = repeated ? REQUEST_REPEATED : raw ? raw->flaw : REQUEST_FINE;
    struct arg value = {.given = raw != NULL, .text = ""};
    int err = ERR_OK;
    if (flaw != REQUEST_FINE) {
        *ret_detail = request_flaw_text(flaw);
        return ERR_INVALID;
    }
    if (raw && (raw->file_name.p != NULL) != (p->type == PARAM_FILE)) {
        *ret_detail = p->type == PARAM_FILE ? "expected a file" : "must not be a file";
        return ERR_INVALID;
    }
    if (raw && raw->value.n)
        err = param_read(p, raw->value, r->mem, &value);
    if (err == ERR_NOMEM)
        return err;
    if (err != ERR_OK || (p->required && !value.set)) {
        *ret_detail = err == ERR_OK      ? "is required"
                      : err == ERR_RANGE ? range_text(p, r->mem)
                                         : type_text(p, r->mem);
        return ERR_INVALID;
    }
    *ret = value;
    return ERR_OK;
}

int endpoint_read(const struct endpoint *e, const struct request *r, struct args *ret,
                  struct endpoint_fault *ret_fault)
{
    size_t n = 0;
    while (e->params[n].name)
        n++;
    struct args args = {e, scratch_array(r->mem, n, sizeof(*args.values))};
    if (!args.values)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct param *p = &e->params[i];
        struct endpoint_fault fault = {.param = p->name};
        int err = endpoint_read_one(r, p, &args.values[i], &fault.detail);
        if (err == ERR_INVALID)
            *ret_fault = fault;
        if (err != ERR_OK)
            return err;
    }
    *ret = args;
    return ERR_OK;
}
