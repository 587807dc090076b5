#include "request.h"

#include <ctype.h>

#include "utf8.h"

static const char *const flaw_texts[] = {
    [REQUEST_FINE] = "",
    [REQUEST_REPEATED] = "given more than once",
    [REQUEST_CONTROL] = "contains control or invisible characters",
    [REQUEST_ENCODING] = "is not valid UTF-8 or has a bad percent escape",
    [REQUEST_NESTED] = "must be a plain value, not an array or object",
    [REQUEST_TOO_LONG] = "is too long",
};

const char *request_flaw_text(enum request_flaw flaw)
{
    return flaw_texts[flaw];
}

int request_malformed(struct request *r, const char *fault)
{
    r->fault = fault;
    return ERR_INVALID;
}

static enum request_flaw find_flaw(const struct request_param *p)
{
    if (p->file_name.p)
        return REQUEST_FINE;
    if (p->value.n > REQUEST_VALUE_MAX)
        return REQUEST_TOO_LONG;
    if (utf8_has_control(p->value))
        return REQUEST_CONTROL;
    return utf8_valid(p->value) ? REQUEST_FINE : REQUEST_ENCODING;
}

int request_add(struct request *r, const struct request_param *param)
{
    if (param->name.n > REQUEST_NAME_MAX)
        return request_malformed(r, "a parameter's name is too long");
    for (size_t i = 0; i < r->n; i++) {
        if (span_eq(r->params[i].name, param->name)) {
            r->params[i].flaw = REQUEST_REPEATED;
            return ERR_OK;
        }
    }
    if (r->n == REQUEST_PARAMS_MAX)
        return request_malformed(r, "too many parameters");
    struct request_param *p = &r->params[r->n++];
    *p = *param;
    if (p->flaw == REQUEST_FINE)
        p->flaw = find_flaw(p);
    return ERR_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes '+' and %XX into memory of the request. A bad escape is kept as it is and flagged. */
static int form_decode(struct scratch *mem, struct span in, struct span *ret, bool *ret_bad)
{
    char *out = scratch_text(mem, in);
    if (!out)
        return ERR_NOMEM;
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] != '%') {
            out[n++] = in.p[i] == '+' ? ' ' : in.p[i];
            continue;
        }
        int high = i + 1 < in.n ? hex_digit(in.p[i + 1]) : -1;
        int low = i + 2 < in.n ? hex_digit(in.p[i + 2]) : -1;
        if (high < 0 || low < 0) {
            *ret_bad = true;
            out[n++] = '%';
            continue;
        }
        out[n++] = (char)(high << 4 | low);
        i += 2;
    }
    *ret = (struct span){out, n};
    return ERR_OK;
}

static int add_pair(struct request *r, struct span pair)
{
    const char *equals = memchr(pair.p, '=', pair.n);
    size_t name_n = equals ? (size_t)(equals - pair.p) : pair.n;
    size_t value_at = equals ? name_n + 1 : pair.n;
    struct span name = {pair.p, name_n}, value = {pair.p + value_at, pair.n - value_at};
    struct request_param p = {0};
    bool bad_name = false, bad_value = false;
    if (form_decode(r->mem, name, &p.name, &bad_name) != ERR_OK ||
        form_decode(r->mem, value, &p.value, &bad_value) != ERR_OK)
        return ERR_NOMEM;
    if (bad_name)
        return request_malformed(r, "bad percent escape in a parameter's name");
    p.flaw = bad_value ? REQUEST_ENCODING : REQUEST_FINE;
    return request_add(r, &p);
}

int request_add_query(struct request *r, struct span query)
{
    while (query.n) {
        const char *amp = memchr(query.p, '&', query.n);
        size_t n = amp ? (size_t)(amp - query.p) : query.n;
        struct span pair = {query.p, n};
        size_t step = amp ? n + 1 : n;
        query = (struct span){query.p + step, query.n - step};
        int err = pair.n ? add_pair(r, pair) : ERR_OK;
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

/* Cuts a quoted string (RFC 9110 5.6.4, without its backslashes resolved) or a token. */
static struct span attribute_value(struct span s)
{
    if (s.n && s.p[0] == '"') {
        const char *end = memchr(s.p + 1, '"', s.n - 1);
        return end ? (struct span){s.p + 1, (size_t)(end - s.p - 1)} : (struct span){0};
    }
    const char *end = memchr(s.p, ';', s.n);
    return span_trim((struct span){s.p, end ? (size_t)(end - s.p) : s.n});
}

/* Next ';' outside of quotes, or the end. */
static size_t attribute_end(struct span s)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < s.n && (quoted || s.p[i] != ';'); i++)
        quoted ^= s.p[i] == '"';
    return i;
}

bool request_attribute(struct span header, const char *name, struct span *ret)
{
    size_t at = attribute_end(header);
    while (at < header.n) {
        struct span rest = {header.p + at + 1, header.n - at - 1};
        size_t n = attribute_end(rest);
        struct span part = span_trim((struct span){rest.p, n});
        const char *equals = memchr(part.p, '=', part.n);
        size_t key_n = equals ? (size_t)(equals - part.p) : 0;
        if (equals && span_eq_nocase((struct span){part.p, key_n}, span_of(name))) {
            *ret = attribute_value((struct span){equals + 1, part.n - key_n - 1});
            return ret->p != NULL;
        }
        at += n + 1;
    }
    return false;
}

int request_add_body(struct request *r, struct span content_type, struct span body)
{
    if (!body.n)
        return ERR_OK;
    struct span charset;
    if (request_attribute(content_type, "charset", &charset) &&
        !span_eq_nocase(charset, SPAN_LIT("utf-8")))
        return ERR_REFUSED;
    struct span media = span_trim((struct span){content_type.p, attribute_end(content_type)});
    if (span_eq_nocase(media, SPAN_LIT("application/x-www-form-urlencoded")))
        return request_add_query(r, body);
    if (span_eq_nocase(media, SPAN_LIT("application/json")))
        return request_json(r, body);
    if (span_eq_nocase(media, SPAN_LIT("multipart/form-data")))
        return request_multipart(r, content_type, body);
    return ERR_REFUSED;
}
