#include "schema_install.h"

#include <stdio.h>

#include "clock.h"
#include "keys.h"
#include "num.h"
#include "secret.h"

enum { SECRET_BYTES = 32, SECRET_HEX = 2 * SECRET_BYTES + 1 };
enum { FIELD_VERSION, FIELD_DIGEST, FIELD_LOADED, FIELD_RELEASE, FIELD_SECRET, FIELDS };

static const char *const FIELD_NAMES[FIELDS] = {"version", "digest", "loaded", "release", "secret"};

static void add(struct cmd *c, const char *const words[])
{
    for (size_t i = 0; words[i] != NULL; i++)
        cmd_text(c, words[i]);
}

#define ADD(cmd, ...) add(cmd, (const char *const[]){__VA_ARGS__, NULL})

int schema_held_read(struct redis_pool *p, struct schema_held *ret, char error[SCHEMA_ERROR])
{
    *ret = (struct schema_held){.version = SCHEMA_ABSENT};
    int err = multi_begin(&ret->read, 3);
    if (err != ERR_OK) {
        snprintf(error, SCHEMA_ERROR, "%s", err_text(err));
        return err;
    }
    ADD(multi_at(&ret->read, 0), "HMGET", KEY_SCHEMA, "version", "digest", "loaded", "release",
        "secret");
    ADD(multi_at(&ret->read, 1), "FUNCTION", "LIST", "LIBRARYNAME", "trunkline_*", "WITHCODE");
    ADD(multi_at(&ret->read, 2), "FUNCTION", "DUMP");
    err = multi_run(p, &ret->read, error);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < FIELDS; i++)
        ret->fields[i] = reply_span(multi_reply(&ret->read, 0), i);
    ret->libraries = multi_reply(&ret->read, 1);
    ret->dump = raw_span(multi_reply(&ret->read, 2));
    struct span version = ret->fields[FIELD_VERSION];
    if (version.n == 0 || num_parse(version, 0, INT32_MAX, &ret->version) == ERR_OK)
        return ERR_OK;
    snprintf(error, SCHEMA_ERROR, "the version of hash %s in Redis is no number", KEY_SCHEMA);
    return ERR_VERSION;
}

void schema_held_free(struct schema_held *h)
{
    multi_free(&h->read);
}

/* A field of a library in FUNCTION LIST: names and values by turns. */
static struct span library_field(const struct redisReply *library, const char *name)
{
    for (size_t i = 0; i + 1 < raw_count(library); i += 2) {
        if (strcmp(raw_text(raw_at(library, i)), name) == 0)
            return raw_span(raw_at(library, i + 1));
    }
    return SPAN_LIT("");
}

static bool holds_library(const struct schema_held *h, const struct schema_library *wanted)
{
    for (size_t i = 0; i < raw_count(h->libraries); i++) {
        const struct redisReply *l = raw_at(h->libraries, i);
        if (span_eq(library_field(l, "library_name"), span_of(wanted->name)))
            return span_eq(library_field(l, "library_code"), span_of(wanted->code));
    }
    return false;
}

bool schema_held_is(const struct schema_held *h, const struct schema_bundle *b)
{
    if (h->version != b->version || !span_eq(h->fields[FIELD_DIGEST], span_of(b->digest)) ||
        h->fields[FIELD_SECRET].n == 0)
        return false;
    for (size_t i = 0; i < b->count; i++) {
        if (!holds_library(h, &b->libraries[i]))
            return false;
    }
    return true;
}

/* The next number of a release such as "1.10.2"; a part that is none counts as 0. */
static int64_t next_number(struct span *rest)
{
    struct span part;
    int64_t n;
    return span_cut(rest, '.', &part) && num_parse(part, 0, INT32_MAX, &n) == ERR_OK ? n : 0;
}

static bool is_later(struct span release, struct span than)
{
    while (release.n > 0 || than.n > 0) {
        int64_t a = next_number(&release), b = next_number(&than);
        if (a != b)
            return a > b;
    }
    return false;
}

struct span schema_held_release(const struct schema_held *h)
{
    return h->fields[FIELD_RELEASE];
}

enum schema_build schema_held_build(const struct schema_held *h, const struct schema_bundle *b)
{
    if (h->version != b->version || raw_count(h->libraries) == 0 ||
        span_eq(h->fields[FIELD_DIGEST], span_of(b->digest)))
        return SCHEMA_SAME_BUILD;
    return is_later(h->fields[FIELD_RELEASE], span_of(TRUNKLINE_VERSION)) ? SCHEMA_LATER_BUILD
                                                                          : SCHEMA_OTHER_BUILD;
}

static int redis_time(struct redis_pool *p, int64_t *ret_ms)
{
    struct cmd c = {0};
    struct redisReply *reply = NULL;
    ADD(&c, "TIME");
    int err = redis_raw(p, &c, &reply);
    if (err == ERR_OK)
        *ret_ms = reply_int(reply, 0, 0) * 1000 + reply_int(reply, 1, 0) / 1000;
    reply_free(reply);
    cmd_free(&c);
    return err;
}

/* Puts back the libraries and the fields that were held. */
static int put_back(struct redis_pool *p, const struct schema_held *held, char error[SCHEMA_ERROR])
{
    struct multi m;
    int err = multi_begin(&m, 1 + FIELD_SECRET);
    if (err != ERR_OK)
        return err;
    ADD(multi_at(&m, 0), "FUNCTION", "RESTORE");
    cmd_span(multi_at(&m, 0), held->dump);
    ADD(multi_at(&m, 0), "FLUSH");
    for (size_t i = 0; i < FIELD_SECRET; i++) {
        struct cmd *c = multi_at(&m, i + 1);
        bool had = held->fields[i].n > 0;
        ADD(c, had ? "HSET" : "HDEL", KEY_SCHEMA, FIELD_NAMES[i]);
        if (had)
            cmd_span(c, held->fields[i]);
    }
    err = multi_run(p, &m, error);
    multi_free(&m);
    return err;
}

/* The commands of an installation: a load for each library, the fields, the secret if there is
 * none. */
static void fill_in(struct multi *m, const struct schema_bundle *b, int64_t now_ms,
                    const char *secret)
{
    for (size_t i = 0; i < b->count; i++)
        ADD(multi_at(m, i), "FUNCTION", "LOAD", "REPLACE", b->libraries[i].code);
    struct cmd *fields = multi_at(m, b->count);
    ADD(fields, "HSET", KEY_SCHEMA, "digest", b->digest, "version");
    cmd_int(fields, b->version);
    ADD(fields, "release", TRUNKLINE_VERSION, "loaded");
    cmd_int(fields, now_ms);
    ADD(multi_at(m, b->count + 1), "HSETNX", KEY_SCHEMA, "secret", secret);
}

/* First command that was refused; the number of commands when none was. */
static size_t refused(const struct multi *m)
{
    size_t i = 0;
    while (i < m->n && !raw_is_error(multi_reply(m, i)))
        i++;
    return i;
}

static int undo(struct redis_pool *p, const struct schema_held *held, const struct schema_bundle *b,
                const struct multi *m, size_t failed, char error[SCHEMA_ERROR])
{
    char why[SCHEMA_ERROR];
    const char *what = failed < b->count ? b->libraries[failed].name : KEY_SCHEMA;
    int err = put_back(p, held, why);
    snprintf(error, SCHEMA_ERROR, "%s was refused (%s): %.120s", what,
             err == ERR_OK ? "the functions are as before"
                           : "and the old functions could not be put back",
             raw_text(multi_reply(m, failed)));
    return ERR_PROTOCOL;
}

int schema_install(struct redis_pool *p, const struct schema_held *held,
                   const struct schema_bundle *b, char error[SCHEMA_ERROR])
{
    char secret[SECRET_HEX];
    int64_t now_ms = 0;
    struct multi m = {0};
    int err = secret_random_hex(SECRET_BYTES, secret);
    if (err == ERR_OK)
        err = redis_time(p, &now_ms);
    if (err == ERR_OK)
        err = multi_begin(&m, b->count + 2);
    if (err != ERR_OK) {
        snprintf(error, SCHEMA_ERROR, "%s", err_text(err));
        return err;
    }
    fill_in(&m, b, now_ms, secret);
    err = multi_run(p, &m, error);
    if (err == ERR_OK && refused(&m) < m.n)
        err = undo(p, held, b, &m, refused(&m), error);
    multi_free(&m);
    return err;
}
