#include "directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "keys.h"
#include "log.h"
#include "num.h"

struct source_entry {
    UT_hash_handle hh;
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned seen;             /* round of the latest whole reading that had it */
    struct source source;
};

struct gateway_entry {
    UT_hash_handle hh;
    unsigned seen;
    struct gateway gateway; /* hashed by name */
};

struct directory {
    struct store *store;
    struct source_entry *sources;
    struct gateway_entry *gateways;
    unsigned source_round, gateway_round;
    size_t sources_due, gateways_due; /* entries of the round not read yet */
    bool sources_read, gateways_read;
    void (*synced)(void *arg);
    void *arg;
};

/* One entry being read. */
struct lookup {
    struct directory *directory;
    unsigned round; /* 0: a single refresh */
    char name[DIRECTORY_NAME];
};

static void copy_text(char *buf, size_t cap, const char *text)
{
    snprintf(buf, cap, "%s", text);
}

static void address_key(const struct addr *a, unsigned char key[16])
{
    if (a->sa.sa_family == AF_INET6) {
        memcpy(key, &a->v6.sin6_addr, 16);
        return;
    }
    memset(key, 0, 10);
    key[10] = key[11] = 0xff;
    memcpy(key + 12, &a->v4.sin_addr, 4);
}

/* ---- tables ---- */

static struct source_entry *find_source(const struct directory *d, const struct addr *address)
{
    unsigned char key[16];
    struct source_entry *e;
    address_key(address, key);
    HASH_FIND(hh, d->sources, key, sizeof key, e);
    return e;
}

static struct gateway_entry *find_gateway(const struct directory *d, struct span name)
{
    struct gateway_entry *e;
    HASH_FIND(hh, d->gateways, name.p, name.n, e);
    return e;
}

static void drop_source(struct directory *d, struct source_entry *e)
{
    HASH_DEL(d->sources, e);
    free(e);
}

static void drop_gateway(struct directory *d, struct gateway_entry *e)
{
    HASH_DEL(d->gateways, e);
    free(e);
}

static void put_source(struct directory *d, const struct addr *address, const struct redisReply *r)
{
    char text[ADDR_TEXT];
    struct source_entry *e = find_source(d, address);
    if (!e) {
        e = calloc(1, sizeof *e);
        if (!e)
            return;
        address_key(address, e->address);
        HASH_ADD(hh, d->sources, address, sizeof e->address, e);
    }
    bool carrier = strcmp(reply_field(r, 1, "kind"), "carrier") == 0;
    e->seen = d->source_round;
    e->source.kind = carrier ? SOURCE_CARRIER : SOURCE_TRUNK;
    copy_text(e->source.name, sizeof e->source.name, reply_field(r, 1, "name"));
    copy_text(e->source.account, sizeof e->source.account, reply_field(r, 1, "account"));
    copy_text(e->source.tg, sizeof e->source.tg, reply_field(r, 1, "tg"));
    log_debug("source %s: %s %s", addr_text(address, text), carrier ? "carrier" : "trunk",
              carrier ? e->source.name : e->source.tg);
}

static int64_t field_int(const struct redisReply *r, const char *field, int64_t otherwise)
{
    int64_t v;
    return num_parse(span_of(reply_field(r, 1, field)), 0, 65535, &v) == ERR_OK ? v : otherwise;
}

static void put_gateway(struct directory *d, const char *name, const struct redisReply *r)
{
    struct gateway_entry *e = find_gateway(d, span_of(name));
    if (!e) {
        e = calloc(1, sizeof *e);
        if (!e)
            return;
        copy_text(e->gateway.name, sizeof e->gateway.name, name);
        HASH_ADD_KEYPTR(hh, d->gateways, e->gateway.name, strlen(e->gateway.name), e);
    }
    e->seen = d->gateway_round;
    copy_text(e->gateway.host, sizeof e->gateway.host, reply_field(r, 1, "host"));
    copy_text(e->gateway.prefix, sizeof e->gateway.prefix, reply_field(r, 1, "prefix"));
    e->gateway.protocol = transport_protocol_of(false, span_of(reply_field(r, 1, "transport")));
    e->gateway.port = (uint16_t)field_int(r, "port", 0);
    e->gateway.strip = (unsigned)field_int(r, "strip", 0);
    e->gateway.limited = reply_field(r, 1, "capacity")[0] || reply_field(r, 1, "cps")[0];
    e->gateway.active = strcmp(reply_field(r, 1, "status"), "0") != 0;
    log_debug("gateway %s: %s:%s%s", name, e->gateway.host, reply_field(r, 1, "port"),
              e->gateway.active ? "" : ", off");
}

/* ---- reading ---- */

static void tell_synced(struct directory *d)
{
    if (d->sources_read && d->gateways_read)
        d->synced(d->arg);
}

/* The round is complete: what it did not meet is gone. */
static void end_source_round(struct directory *d)
{
    struct source_entry *e, *next;
    HASH_ITER(hh, d->sources, e, next)
    {
        if (e->seen != d->source_round)
            drop_source(d, e);
    }
    d->sources_read = true;
    tell_synced(d);
}

static void end_gateway_round(struct directory *d)
{
    struct gateway_entry *e, *next;
    HASH_ITER(hh, d->gateways, e, next)
    {
        if (e->seen != d->gateway_round)
            drop_gateway(d, e);
    }
    d->gateways_read = true;
    tell_synced(d);
}

static void on_source(void *arg, const struct redisReply *reply, int err)
{
    struct lookup *l = arg;
    struct directory *d = l->directory;
    struct addr address;
    int result = err == ERR_OK ? reply_check(reply) : err;
    if (addr_parse(span_of(l->name), 0, &address) != ERR_OK) {
        log_warn("Redis lists a source that is no address: %s", l->name);
    } else if (result == ERR_OK) {
        put_source(d, &address, reply);
    } else if (result == ERR_REFUSED) {
        struct source_entry *e = find_source(d, &address);
        if (e)
            drop_source(d, e);
    }
    /* A failed look-up leaves the round open, so that nothing is dropped for it. */
    if (err == ERR_OK && l->round == d->source_round && --d->sources_due == 0)
        end_source_round(d);
    free(l);
}

static void on_gateway(void *arg, const struct redisReply *reply, int err)
{
    struct lookup *l = arg;
    struct directory *d = l->directory;
    int result = err == ERR_OK ? reply_check(reply) : err;
    if (result == ERR_OK) {
        put_gateway(d, l->name, reply);
    } else if (result == ERR_REFUSED) {
        struct gateway_entry *e = find_gateway(d, span_of(l->name));
        if (e)
            drop_gateway(d, e);
    }
    /* A failed look-up leaves the round open, so that nothing is dropped for it. */
    if (err == ERR_OK && l->round == d->gateway_round && --d->gateways_due == 0)
        end_gateway_round(d);
    free(l);
}

static void look_up_source(struct directory *d, const char *address, unsigned round)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (!l)
        return;
    l->directory = d;
    l->round = round;
    copy_text(l->name, sizeof l->name, address);
    if (store_ask(d->store, on_source, l, "source_get", key_source(l->name).text, 0, NULL))
        free(l);
}

static void look_up_gateway(struct directory *d, const char *name, unsigned round)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (!l)
        return;
    l->directory = d;
    l->round = round;
    copy_text(l->name, sizeof l->name, name);
    if (store_ask(d->store, on_gateway, l, "gateway_get", key_gateway(l->name).text, 0, NULL))
        free(l);
}

static void on_sources(void *arg, const struct redisReply *reply, int err)
{
    struct directory *d = arg;
    if (err != ERR_OK || raw_is_error(reply))
        return;
    d->source_round++;
    d->sources_due = raw_count(reply);
    if (d->sources_due == 0)
        end_source_round(d);
    for (size_t i = 0; i < raw_count(reply); i++)
        look_up_source(d, raw_text(raw_at(reply, i)), d->source_round);
}

static void on_gateways(void *arg, const struct redisReply *reply, int err)
{
    struct directory *d = arg;
    if (err != ERR_OK || raw_is_error(reply))
        return;
    d->gateway_round++;
    d->gateways_due = raw_count(reply);
    if (d->gateways_due == 0)
        end_gateway_round(d);
    for (size_t i = 0; i < raw_count(reply); i++)
        look_up_gateway(d, raw_text(raw_at(reply, i)), d->gateway_round);
}

/* ---- interface ---- */

int directory_new(struct directory **ret, struct store *store, void (*synced)(void *arg), void *arg)
{
    struct directory *d = calloc(1, sizeof *d);
    if (!d)
        return ERR_NOMEM;
    d->store = store;
    d->synced = synced;
    d->arg = arg;
    *ret = d;
    return ERR_OK;
}

void directory_free(struct directory *d)
{
    if (!d)
        return;
    while (d->sources)
        drop_source(d, d->sources);
    while (d->gateways)
        drop_gateway(d, d->gateways);
    free(d);
}

void directory_refresh_source(struct directory *d, struct span address)
{
    char text[DIRECTORY_NAME];
    if (address.n == 0) {
        if (store_members(d->store, on_sources, d, KEY_SOURCES) != ERR_OK)
            log_debug("sources not read: Redis is away");
    } else if (span_copy(address, text, sizeof text)) {
        look_up_source(d, text, 0);
    }
}

void directory_refresh_gateway(struct directory *d, struct span name)
{
    char text[DIRECTORY_NAME];
    if (name.n == 0) {
        if (store_members(d->store, on_gateways, d, KEY_GATEWAYS) != ERR_OK)
            log_debug("gateways not read: Redis is away");
    } else if (span_copy(name, text, sizeof text)) {
        look_up_gateway(d, text, 0);
    }
}

const struct source *directory_source(const struct directory *d, const struct addr *address)
{
    struct source_entry *e = find_source(d, address);
    return e ? &e->source : NULL;
}

const struct gateway *directory_gateway(const struct directory *d, struct span name)
{
    struct gateway_entry *e = find_gateway(d, name);
    return e ? &e->gateway : NULL;
}

bool directory_leads_to(const struct gateway *g, const struct addr *address, struct span host)
{
    struct addr own;
    uint16_t port = g->port ? g->port : transport_default_port(g->protocol);
    if (addr_parse(span_of(g->host), port, &own) == ERR_OK)
        return addr_eq(&own, address);
    return span_eq_nocase(span_of(g->host), host);
}

const struct gateway *directory_gateway_at(const struct directory *d, const struct addr *address,
                                           struct span host)
{
    struct gateway_entry *e, *next;
    HASH_ITER(hh, d->gateways, e, next)
    {
        if (directory_leads_to(&e->gateway, address, host))
            return &e->gateway;
    }
    return NULL;
}
