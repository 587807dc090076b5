/* gateway add, route, list, remove: where outgoing calls go, by dialled prefix. */
#include "ctl_rows.h"
#include "ctl_verbs.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIP_PORT = 5060, SIPS_PORT = 5061 };

#define DEFAULT_DECK "default"

static const struct column columns[] = {
    {"name",      ROWS_TEXT,  false, NULL},
    {"host",      ROWS_TEXT,  false, NULL},
    {"port",      ROWS_COUNT, false, NULL},
    {"transport", ROWS_TEXT,  false, NULL},
    {"strip",     ROWS_COUNT, false, NULL},
    {"prefix",    ROWS_TEXT,  false, NULL},
    {"capacity",  ROWS_COUNT, false, NULL},
    {"cps",       ROWS_COUNT, false, NULL},
    {"status",    ROWS_COUNT, false, NULL},
    {"routes",    ROWS_TEXT,  false, NULL}, /* PREFIX:PRIORITY:WEIGHT[:COST] by comma */
    {NULL,        ROWS_TEXT,  false, NULL},
};

static const struct column route_columns[] = {
    {"prefix",   ROWS_TEXT,  false, NULL},
    {"gateway",  ROWS_TEXT,  false, NULL},
    {"priority", ROWS_COUNT, false, NULL},
    {"weight",   ROWS_COUNT, false, NULL},
    {"cost",     ROWS_TEXT,  false, NULL},
    {NULL,       ROWS_TEXT,  false, NULL},
};

static const struct refusal refusals[] = {
    {"notfound", "NAME: no such gateway"},
    {NULL,       NULL                   },
};

/* ---- Showing ---- */

static struct rows *load_routes(struct ctl *c, const char *deck)
{
    struct redisReply *reply;
    if (!ctl_read(c, NULL, &reply, "route_list", key_deck(deck).text, NULL))
        return NULL;
    struct rows *routes = ctl_rows_new(route_columns);
    ctl_rows_add_tables(routes, reply, 1);
    reply_free(reply);
    return routes;
}

/* Sets `routes` of the last row to those of its gateway. */
static void set_routes(struct rows *gateways, const struct rows *routes, const char *gateway)
{
    char *text = ctl_copy(span_of(""));
    for (size_t i = 0; i < ctl_rows_count(routes); i++) {
        if (strcmp(ctl_rows_get(routes, i, "gateway"), gateway) != 0)
            continue;
        const char *cost = ctl_rows_get(routes, i, "cost");
        char *longer =
            ctl_format("%s%s%s:%s:%s%s%s", text, text[0] ? "," : "",
                       ctl_rows_get(routes, i, "prefix"), ctl_rows_get(routes, i, "priority"),
                       ctl_rows_get(routes, i, "weight"), cost[0] ? ":" : "", cost);
        free(text);
        text = longer;
    }
    ctl_rows_set(gateways, "routes", text);
    free(text);
}

struct listing {
    struct rows *gateways, *routes;
};

static void add_gateway(void *arg, const char *name, const struct redisReply *reply)
{
    struct listing *l = arg;
    ctl_rows_add(l->gateways);
    ctl_rows_set_pairs(l->gateways, reply, 1);
    set_routes(l->gateways, l->routes, name);
}

static int print_gateways(struct ctl *c, const struct names *names, const char *deck,
                          enum rows_shape shape)
{
    struct listing l = {NULL, load_routes(c, deck)};
    if (!l.routes)
        return CTL_FAILED;
    l.gateways = ctl_rows_new(columns);
    bool good = ctl_each(c, names, key_gateway, "gateway_get", NULL, add_gateway, &l);
    ctl_rows_free(l.routes);
    if (good && shape == ROWS_ONE && ctl_rows_count(l.gateways) == 0) {
        ctl_fail("%s", refusals[0].text);
        good = false;
    }
    if (good)
        return ctl_rows_print(l.gateways, shape, c->json);
    ctl_rows_free(l.gateways);
    return CTL_FAILED;
}

int ctl_gateway_list(struct ctl *c, const struct args *a)
{
    struct names names = {0};
    if (!ctl_index(c, KEY_GATEWAYS, &names))
        return CTL_FAILED;
    int code = print_gateways(c, &names, ctl_args_text(a, "--deck"), ROWS_LIST);
    ctl_names_free(&names);
    return code;
}

static int print_gateway(struct ctl *c, const struct args *a)
{
    struct names names = {0};
    ctl_names_add(&names, ctl_args_text(a, "NAME"));
    int code = print_gateways(c, &names, ctl_args_text(a, "--deck"), ROWS_ONE);
    ctl_names_free(&names);
    return code;
}

/* ---- Changing ---- */

static void add_field(void *arg, const char *field, const char *value)
{
    struct cmd *cmd = arg;
    cmd_text(cmd, field);
    cmd_text(cmd, strcmp(value, "none") == 0 ? "" : value);
}

/* A name without a port leads where its SRV records say. */
static void add_host(struct cmd *cmd, const struct args *a)
{
    struct span typed = span_of(ctl_args_text(a, "HOST[:PORT]")), name;
    bool tls = strcmp(ctl_args_text(a, "--transport"), "tls") == 0;
    struct addr address;
    char text[ADDR_TEXT];
    uint16_t port = 0;
    if (addr_parse_port(typed, tls ? SIPS_PORT : SIP_PORT, &address) == ERR_OK) {
        name = span_of(addr_text(&address, text));
        port = addr_port(&address);
    } else if (addr_parse_name(typed, &name, &port) != ERR_OK) {
        return; /* was checked when the command line was read */
    }
    cmd_text(cmd, "host");
    cmd_span(cmd, name);
    cmd_text(cmd, "port");
    if (port)
        cmd_int(cmd, port);
    else
        cmd_text(cmd, "");
}

static bool set_gateway(struct ctl *c, const struct args *a)
{
    struct cmd cmd = {0};
    cmd_fcall(&cmd, "gateway_set", key_gateway(ctl_args_text(a, "NAME")).text);
    add_host(&cmd, a);
    ctl_args_fields(a, add_field, &cmd);
    return ctl_send(c, &cmd, refusals, NULL);
}

static bool set_routes_of(struct ctl *c, const struct args *a, const char *prefixes)
{
    struct span rest = span_of(prefixes), prefix;
    struct key deck = key_deck(ctl_args_text(a, "--deck"));
    while (span_cut(&rest, ',', &prefix)) {
        struct cmd cmd = {0};
        cmd_fcall(&cmd, "route_set", deck.text);
        cmd_span(&cmd, prefix);
        cmd_text(&cmd, ctl_args_text(a, "NAME"));
        cmd_text(&cmd, ctl_args_text(a, "--priority"));
        cmd_text(&cmd, ctl_args_text(a, "--weight"));
        cmd_text(&cmd, ctl_args_given(a, "--cost") ? ctl_args_text(a, "--cost") : "");
        if (!ctl_send(c, &cmd, NULL, NULL))
            return false;
    }
    return true;
}

/* Key, index, routes: a route never names a gateway that isn't there. Repeating finishes it. */
int ctl_gateway_add(struct ctl *c, const struct args *a)
{
    if (!set_gateway(c, a) ||
        !ctl_call(c, NULL, NULL, "index_add", KEY_GATEWAYS, ctl_args_text(a, "NAME"), NULL) ||
        !set_routes_of(c, a, ctl_args_text(a, "--prefixes")))
        return CTL_FAILED;
    return print_gateway(c, a);
}

static const struct refusal route_refusals[] = {
    {"notfound", "PREFIX: the gateway has no such route"},
    {NULL,       NULL                                   },
};

static bool remove_routes_of(struct ctl *c, const struct args *a)
{
    struct span rest = span_of(ctl_args_text(a, "PREFIX")), prefix;
    while (span_cut(&rest, ',', &prefix)) {
        struct cmd cmd = {0};
        cmd_fcall(&cmd, "route_remove", key_deck(ctl_args_text(a, "--deck")).text);
        cmd_span(&cmd, prefix);
        cmd_text(&cmd, ctl_args_text(a, "NAME"));
        if (!ctl_send(c, &cmd, route_refusals, NULL))
            return false;
    }
    return true;
}

int ctl_gateway_route(struct ctl *c, const struct args *a)
{
    if (!ctl_read(c, refusals, NULL, "gateway_get", key_gateway(ctl_args_text(a, "NAME")).text,
                  NULL))
        return CTL_FAILED;
    bool good = ctl_args_given(a, "--remove") ? remove_routes_of(c, a)
                                              : set_routes_of(c, a, ctl_args_text(a, "PREFIX"));
    return good ? print_gateway(c, a) : CTL_FAILED;
}

/* ---- Removing ---- */

static void add_deck(void *arg, const char *name, const struct redisReply *reply)
{
    (void)name;
    const char *deck = reply_field(reply, 1, "deck");
    if (deck[0] != '\0')
        ctl_names_add(arg, deck);
}

/* Decks have no index: they are the default one, those that accounts use, and one named. */
static bool find_decks(struct ctl *c, const char *named, struct names *decks)
{
    struct names accounts = {0};
    ctl_names_add(decks, DEFAULT_DECK);
    if (named[0] != '\0')
        ctl_names_add(decks, named);
    bool good = ctl_index(c, KEY_ACCOUNTS, &accounts) &&
                ctl_each(c, &accounts, key_account, "account_get", NULL, add_deck, decks);
    ctl_names_free(&accounts);
    return good;
}

static bool clear_deck(struct ctl *c, const char *deck, const char *gateway, int64_t *removed)
{
    struct rows *routes = load_routes(c, deck);
    bool good = routes != NULL;
    for (size_t i = 0; good && i < ctl_rows_count(routes); i++) {
        if (strcmp(ctl_rows_get(routes, i, "gateway"), gateway) != 0)
            continue;
        good = ctl_call(c, route_refusals, NULL, "route_remove", key_deck(deck).text,
                        ctl_rows_get(routes, i, "prefix"), gateway, NULL);
        *removed += good;
    }
    ctl_rows_free(routes);
    return good;
}

static bool clear_decks(struct ctl *c, const struct args *a, int64_t *removed)
{
    struct names decks = {0};
    bool good = find_decks(c, ctl_args_text(a, "--deck"), &decks);
    for (size_t i = 0; good && i < decks.n; i++)
        good = clear_deck(c, decks.v[i], ctl_args_text(a, "NAME"), removed);
    ctl_names_free(&decks);
    return good;
}

/* Whether the gateway is there, in its key or in the index alone. */
static bool is_known(struct ctl *c, const char *name)
{
    struct names names = {0};
    bool known = false;
    if (!ctl_index(c, KEY_GATEWAYS, &names))
        return false;
    for (size_t i = 0; i < names.n && !known; i++)
        known = strcmp(names.v[i], name) == 0;
    ctl_names_free(&names);
    if (!known)
        ctl_fail("%s", refusals[0].text);
    return known;
}

/* The key's removal, where the key being gone is as good. */
static bool remove_key(struct ctl *c, const char *name)
{
    struct redisReply *reply = NULL;
    int err = redis_fcall(c->redis, &reply, "gateway_remove", key_gateway(name).text, NULL);
    bool gone = err == ERR_OK || err == ERR_REFUSED;
    if (!gone)
        ctl_explain(c, err, reply, NULL);
    reply_free(reply);
    return gone;
}

/* Routes, key, index: the other way round. Repeating finishes it. */
int ctl_gateway_remove(struct ctl *c, const struct args *a)
{
    static const struct column removed_columns[] = {
        {"name",           ROWS_TEXT,  false, NULL},
        {"routes_removed", ROWS_COUNT, false, NULL},
        {NULL,             ROWS_TEXT,  false, NULL},
    };
    const char *name = ctl_args_text(a, "NAME");
    int64_t removed = 0;
    if (!is_known(c, name) || !clear_decks(c, a, &removed) || !remove_key(c, name) ||
        !ctl_call(c, NULL, NULL, "index_remove", KEY_GATEWAYS, name, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(removed_columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "name", name);
    ctl_rows_set_int(rows, "routes_removed", removed);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}
