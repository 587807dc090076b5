/* carrier add, list, remove: addresses that incoming calls are accepted from. */
#include "ctl_range.h"
#include "ctl_rows.h"
#include "ctl_verbs.h"

static const struct column columns[] = {
    {"name",    ROWS_TEXT, false, NULL},
    {"address", ROWS_TEXT, false, NULL},
    {NULL,      ROWS_TEXT, false, NULL},
};

static const struct refusal refusals[] = {
    {"taken", "ADDR: belongs to another carrier or trunk"},
    {NULL,    NULL                                       },
};

/* All addresses of a list that was checked when the command line was read. */
static struct names expand(const char *list)
{
    struct names addresses = {0};
    struct span rest = span_of(list), part;
    struct range range;
    char text[ADDR_TEXT];
    while (span_cut(&rest, ',', &part)) {
        if (ctl_range_parse(part, &range) < 0)
            continue;
        for (unsigned i = 0; i < range.count; i++)
            ctl_names_add(&addresses, ctl_range_text(&range, i, text));
    }
    return addresses;
}

struct ownership {
    const char *name; /* the carrier that may have them */
    bool foreign;
};

static void check_owner(void *arg, const char *address, const struct redisReply *reply)
{
    struct ownership *o = arg;
    const char *kind = reply_field(reply, 1, "kind"), *name = reply_field(reply, 1, "name");
    if (strcmp(kind, "carrier") == 0 && strcmp(name, o->name) == 0)
        return;
    o->foreign = true;
    if (strcmp(kind, "carrier") == 0)
        ctl_fail("ADDR: %s belongs to carrier %s", address, name);
    else
        ctl_fail("ADDR: %s belongs to trunk %s of account %s", address, reply_field(reply, 1, "tg"),
                 reply_field(reply, 1, "account"));
}

/* The key before the index: what the index names is always there. */
static bool claim(struct ctl *c, const char *address, const char *name)
{
    return ctl_call(c, refusals, NULL, "source_claim", key_source(address).text, "carrier", name,
                    NULL) &&
           ctl_call(c, NULL, NULL, "index_add", KEY_SOURCES, address, NULL);
}

static bool claim_all(struct ctl *c, const struct names *addresses, const char *name,
                      struct rows *rows)
{
    struct ownership ownership = {.name = name};
    if (!ctl_each(c, addresses, key_source, "source_get", NULL, check_owner, &ownership) ||
        ownership.foreign)
        return false;
    for (size_t i = 0; i < addresses->n; i++) {
        if (!claim(c, addresses->v[i], name))
            return false;
        ctl_rows_add(rows);
        ctl_rows_set(rows, "name", name);
        ctl_rows_set(rows, "address", addresses->v[i]);
    }
    return true;
}

int ctl_carrier_add(struct ctl *c, const struct args *a)
{
    const char *name = ctl_args_text(a, "NAME");
    struct range range;
    if (ctl_range_parse(span_of(name), &range) == ERR_OK)
        return ctl_usage("Invalid NAME %s: an address can't be a carrier's name", name);
    struct names addresses = expand(ctl_args_text(a, "ADDR"));
    struct rows *rows = ctl_rows_new(columns);
    bool good = claim_all(c, &addresses, name, rows);
    ctl_names_free(&addresses);
    if (good)
        return ctl_rows_print(rows, ROWS_LIST, c->json);
    ctl_rows_free(rows);
    return CTL_FAILED;
}

static void add_carrier(void *arg, const char *address, const struct redisReply *reply)
{
    struct rows *rows = arg;
    if (strcmp(reply_field(reply, 1, "kind"), "carrier") != 0)
        return;
    ctl_rows_add(rows);
    ctl_rows_set(rows, "name", reply_field(reply, 1, "name"));
    ctl_rows_set(rows, "address", address);
}

static struct rows *load(struct ctl *c)
{
    struct names addresses = {0};
    if (!ctl_index(c, KEY_SOURCES, &addresses))
        return NULL;
    struct rows *rows = ctl_rows_new(columns);
    if (!ctl_each(c, &addresses, key_source, "source_get", NULL, add_carrier, rows)) {
        ctl_rows_free(rows);
        rows = NULL;
    }
    ctl_names_free(&addresses);
    return rows;
}

int ctl_carrier_list(struct ctl *c, const struct args *a)
{
    (void)a;
    struct rows *rows = load(c);
    return rows ? ctl_rows_print(rows, ROWS_LIST, c->json) : CTL_FAILED;
}

/* The index last: until the key is gone the address can be found again. */
static bool release(struct ctl *c, const char *address, const char *name)
{
    return ctl_call(c, refusals, NULL, "source_release", key_source(address).text, "carrier", name,
                    NULL) &&
           ctl_call(c, NULL, NULL, "index_remove", KEY_SOURCES, address, NULL);
}

static int release_matching(struct ctl *c, const struct rows *carriers, const char *wanted,
                            struct rows *removed)
{
    for (size_t i = 0; i < ctl_rows_count(carriers); i++) {
        const char *name = ctl_rows_get(carriers, i, "name");
        const char *address = ctl_rows_get(carriers, i, "address");
        if (strcmp(name, wanted) != 0 && strcmp(address, wanted) != 0)
            continue;
        if (!release(c, address, name))
            return CTL_FAILED;
        ctl_rows_add(removed);
        ctl_rows_set(removed, "name", name);
        ctl_rows_set(removed, "address", address);
    }
    if (ctl_rows_count(removed) == 0)
        return ctl_fail("NAME|ADDR: no such carrier or address of one");
    return CTL_DONE;
}

int ctl_carrier_remove(struct ctl *c, const struct args *a)
{
    const char *wanted = ctl_args_text(a, "NAME|ADDR");
    struct addr address;
    char canonical[ADDR_TEXT];
    if (addr_parse(span_of(wanted), 0, &address) == ERR_OK)
        wanted = addr_text(&address, canonical);
    struct rows *carriers = load(c), *removed = ctl_rows_new(columns);
    int code = carriers ? release_matching(c, carriers, wanted, removed) : CTL_FAILED;
    ctl_rows_free(carriers);
    if (code == CTL_DONE)
        return ctl_rows_print(removed, ROWS_LIST, c->json);
    ctl_rows_free(removed);
    return code;
}
