#include "ctl_top_state.h"

#include <stdlib.h>
#include <string.h>

#include "num.h"
#include "text.h"

void top_state_only(struct top *t, const char *account)
{
    text_set(t->only, sizeof t->only, account);
    struct top_trunk *trunk = t->trunks;
    struct top_account *a = t->accounts;
    HASH_CLEAR(hh, t->trunks); /* the chain of its elements stays */
    HASH_CLEAR(hh, t->accounts);
    while (trunk) {
        struct top_trunk *next = trunk->hh.next;
        free(trunk);
        trunk = next;
    }
    while (a) {
        struct top_account *next = a->hh.next;
        free(a);
        a = next;
    }
    memset(t->calls, 0, sizeof t->calls);
    memset(t->reasons, 0, sizeof t->reasons);
    t->n_calls = t->next_call = t->n_reasons = 0;
    t->counting = t->rate = (struct top_rates){0};
}

void top_state_free(struct top *t)
{
    top_state_only(t, "");
}

struct top_account *top_state_account(struct top *t, const char *name)
{
    struct top_account *a;
    HASH_FIND_STR(t->accounts, name, a);
    if (a || HASH_COUNT(t->accounts) >= TOP_TRUNKS || strlen(name) >= sizeof a->name)
        return a;
    a = ctl_alloc(sizeof *a);
    text_set(a->name, sizeof a->name, name);
    HASH_ADD_STR(t->accounts, name, a);
    return a;
}

static struct top_trunk *find_trunk(struct top *t, const char *account, const char *id)
{
    char key[TOP_NAME];
    struct top_trunk *trunk;
    snprintf(key, sizeof key, "%s/%s", account, id);
    HASH_FIND_STR(t->trunks, key, trunk);
    if (trunk || HASH_COUNT(t->trunks) >= TOP_TRUNKS)
        return trunk;
    trunk = ctl_alloc(sizeof *trunk);
    text_set(trunk->key, sizeof trunk->key, key);
    text_set(trunk->account, sizeof trunk->account, account);
    text_set(trunk->id, sizeof trunk->id, id);
    trunk->sessions = trunk->cps_limit = TOP_NO_LIMIT;
    HASH_ADD_STR(t->trunks, key, trunk);
    return trunk;
}

/* ---- events ---- */

static struct top_call *find_call(struct top *t, const struct event *e)
{
    for (size_t i = 0; i < t->n_calls; i++) {
        struct top_call *c = &t->calls[i];
        if (strcmp(c->call, ctl_event_text(e, "call")) == 0 &&
            strcmp(c->account, ctl_event_text(e, "account")) == 0)
            return c;
    }
    return NULL;
}

static struct top_call *add_call(struct top *t, const struct event *e)
{
    struct top_call *c = &t->calls[t->next_call];
    t->next_call = (t->next_call + 1) % TOP_CALLS;
    if (t->n_calls < TOP_CALLS)
        t->n_calls++;
    *c = (struct top_call){.at = ctl_event_int(e, "at")};
    text_set(c->account, sizeof c->account, ctl_event_text(e, "account"));
    text_set(c->call, sizeof c->call, ctl_event_text(e, "call"));
    text_set(c->tg, sizeof c->tg, ctl_event_text(e, "tg"));
    text_set(c->direction, sizeof c->direction, ctl_event_text(e, "direction"));
    text_set(c->number, sizeof c->number, ctl_event_text(e, "number"));
    text_set(c->from, sizeof c->from, ctl_event_text(e, "from"));
    return c;
}

static void count_reason(struct top *t, const char *reason)
{
    size_t i = 0;
    while (i < t->n_reasons && strcmp(t->reasons[i].reason, reason) != 0)
        i++;
    if (i == t->n_reasons && i < TOP_REASONS)
        text_set(t->reasons[t->n_reasons++].reason, sizeof t->reasons[i].reason, reason);
    if (i == TOP_REASONS) {
        text_set(t->reasons[i].reason, sizeof t->reasons[i].reason, "other");
        t->n_reasons = TOP_REASONS + 1;
    }
    t->reasons[i].counts[t->second]++;
}

static void on_start(struct top *t, const struct event *e, struct top_account *a)
{
    struct top_trunk *trunk = find_trunk(t, ctl_event_text(e, "account"), ctl_event_text(e, "tg"));
    text_set(add_call(t, e)->state, TOP_NAME, "trying");
    t->counting.starts++;
    a->live++;
    if (trunk) {
        trunk->starting++;
        trunk->busy++;
    }
}

static void on_answer(struct top *t, const struct event *e, struct top_account *a)
{
    struct top_call *c = find_call(t, e);
    (void)a;
    t->counting.answers++;
    if (c)
        text_set(c->state, sizeof c->state, "up");
}

static void on_end(struct top *t, const struct event *e, struct top_account *a)
{
    struct top_trunk *trunk = find_trunk(t, ctl_event_text(e, "account"), ctl_event_text(e, "tg"));
    struct top_call *c = find_call(t, e);
    a->live -= a->live > 0;
    if (trunk)
        trunk->busy -= trunk->busy > 0;
    if (!c)
        return;
    c->over = true;
    snprintf(c->state, sizeof c->state, "%d %.20s %.1f s", (int)ctl_event_int(e, "code"),
             ctl_event_text(e, "reason"), (double)ctl_event_int(e, "ms") / 1000);
}

static void on_refusal(struct top *t, const struct event *e, struct top_account *a)
{
    struct top_call *c = add_call(t, e);
    (void)a;
    t->counting.refusals++;
    count_reason(t, ctl_event_text(e, "reason"));
    c->refused = c->over = true;
    snprintf(c->state, sizeof c->state, "%d %.40s", (int)ctl_event_int(e, "code"),
             ctl_event_text(e, "reason"));
}

void top_state_event(struct top *t, const struct event *e)
{
    static const struct {
        const char *word;
        void (*fn)(struct top *t, const struct event *e, struct top_account *a);
    } kinds[] = {
        {"start",   on_start  },
        {"answer",  on_answer },
        {"end",     on_end    },
        {"refusal", on_refusal},
    };
    const char *name = ctl_event_text(e, "account");
    if (t->only[0] && strcmp(t->only, name) != 0)
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct top_account *a = ctl_event_is(e, kinds[i].word) ? top_state_account(t, name) : NULL;
        if (a) {
            a->hot = true;
            kinds[i].fn(t, e, a);
        }
    }
}

void top_state_second(struct top *t)
{
    t->rate = t->counting;
    t->counting = (struct top_rates){0};
    t->second = (t->second + 1) % TOP_SECONDS;
    for (size_t i = 0; i < t->n_reasons; i++)
        t->reasons[i].counts[t->second] = 0;
    for (struct top_trunk *trunk = t->trunks; trunk; trunk = trunk->hh.next) {
        trunk->cps = trunk->starting;
        trunk->starting = 0;
    }
}

/* ---- replies ---- */

/* Value of a field of HGETALL's reply; "" when it isn't there. */
static const char *field_of(const struct redisReply *reply, const char *field)
{
    for (size_t i = 0; i + 1 < raw_count(reply); i += 2) {
        if (strcmp(raw_text(raw_at(reply, i)), field) == 0)
            return raw_text(raw_at(reply, i + 1));
    }
    return "";
}

static int64_t int_of(const char *text, int64_t otherwise)
{
    int64_t v;
    return num_parse(span_of(text), 0, INT64_MAX, &v) == ERR_OK ? v : otherwise;
}

void top_state_totals(struct top *t, const char *account, const struct redisReply *reply)
{
    struct table table;
    struct top_account *a = top_state_account(t, account);
    if (!a || reply_check(reply) != ERR_OK || table_open(reply, 6, &table) < 0)
        return;
    a->live = reply_int(reply, 4, 0);
    a->hot = false;
    for (size_t row = 0; row < table.rows; row++) {
        struct top_trunk *trunk = find_trunk(t, account, table_text(&table, row, "tg"));
        if (!trunk)
            return;
        text_set(trunk->direction, sizeof trunk->direction, table_text(&table, row, "direction"));
        trunk->sessions = table_int(&table, row, "sessions", TOP_NO_LIMIT);
        trunk->cps_limit = table_int(&table, row, "cps", TOP_NO_LIMIT);
        trunk->busy = table_int(&table, row, "busy", 0);
        trunk->today = table_int(&table, row, "today", 0);
        trunk->answered = table_int(&table, row, "today_answered", 0);
        trunk->ms = table_int(&table, row, "today_ms", 0);
    }
}

static struct top_node *find_node(struct top *t, const char *name)
{
    size_t i = 0;
    while (i < t->n_nodes && strcmp(t->nodes[i].name, name) != 0)
        i++;
    if (i < t->n_nodes)
        return &t->nodes[i];
    if (i == TOP_NODES)
        return NULL;
    t->n_nodes++;
    t->nodes[i] = (struct top_node){.calls = -1, .watched = -1, .down = -1};
    text_set(t->nodes[i].name, TOP_NAME, name);
    return &t->nodes[i];
}

void top_state_node(struct top *t, const char *name, const struct redisReply *node)
{
    struct top_node *n = raw_count(node) > 0 ? find_node(t, name) : NULL;
    if (!n)
        return;
    n->seen = int_of(field_of(node, "seen"), 0);
    text_set(n->address, sizeof n->address, field_of(node, "address"));
    text_set(n->version, sizeof n->version, field_of(node, "version"));
}

static void forget_targets(struct top *t, const char *node)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n_targets; i++) {
        if (strcmp(t->targets[i].node, node) != 0)
            t->targets[kept++] = t->targets[i];
    }
    t->n_targets = kept;
}

static void add_target(struct top *t, const char *node, const char *name, struct span value)
{
    struct span state, since;
    struct top_target *target = &t->targets[t->n_targets];
    if (t->n_targets == TOP_TARGETS || !span_cut(&value, ' ', &state) ||
        !span_eq(state, span_of("down")) || !span_cut(&value, ' ', &since) ||
        num_parse(since, 0, INT64_MAX, &target->since) != ERR_OK)
        return;
    text_set(target->node, sizeof target->node, node);
    text_set(target->target, sizeof target->target, name);
    text_set_span(target->why, sizeof target->why, value);
    t->n_targets++;
}

void top_state_health(struct top *t, const char *node, const struct redisReply *health)
{
    struct top_node *n = find_node(t, node);
    if (!n)
        return;
    n->calls = int_of(field_of(health, "calls"), -1);
    n->watched = int_of(field_of(health, "watched"), -1);
    n->down = int_of(field_of(health, "down"), -1);
    forget_targets(t, node);
    for (size_t i = 0; i + 1 < raw_count(health); i += 2) {
        const char *name = raw_text(raw_at(health, i));
        if (strchr(name, ' '))
            add_target(t, node, name, raw_span(raw_at(health, i + 1)));
    }
}

static struct top_gateway *find_gateway(struct top *t, const char *name)
{
    size_t i = 0;
    while (i < t->n_gateways && strcmp(t->gateways[i].name, name) != 0)
        i++;
    if (i == TOP_GATEWAYS)
        return NULL;
    if (i == t->n_gateways) {
        t->n_gateways++;
        t->gateways[i] = (struct top_gateway){.capacity = TOP_NO_LIMIT};
        text_set(t->gateways[i].name, TOP_NAME, name);
    }
    return &t->gateways[i];
}

void top_state_gateway(struct top *t, const char *name, const struct redisReply *fields)
{
    struct top_gateway *g = find_gateway(t, name);
    if (!g)
        return;
    g->off = strcmp(raw_text(raw_at(fields, 0)), "0") == 0;
    g->capacity = int_of(raw_text(raw_at(fields, 1)), TOP_NO_LIMIT);
}

void top_state_places(struct top *t, const char *gateway, int64_t taken)
{
    struct top_gateway *g = find_gateway(t, gateway);
    if (g)
        g->taken = taken;
}

static bool is_among(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->v[i], name) == 0)
            return true;
    }
    return false;
}

void top_state_keep_nodes(struct top *t, const struct names *names)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n_nodes; i++) {
        if (is_among(names, t->nodes[i].name))
            t->nodes[kept++] = t->nodes[i];
        else
            forget_targets(t, t->nodes[i].name);
    }
    t->n_nodes = kept;
}

void top_state_keep_gateways(struct top *t, const struct names *names)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n_gateways; i++) {
        if (is_among(names, t->gateways[i].name))
            t->gateways[kept++] = t->gateways[i];
    }
    t->n_gateways = kept;
}

/* ---- what is shown ---- */

struct top_sums top_state_sums(const struct top *t)
{
    struct top_sums s = {0};
    for (const struct top_account *a = t->accounts; a; a = a->hh.next)
        s.live += a->live;
    for (const struct top_trunk *trunk = t->trunks; trunk; trunk = trunk->hh.next) {
        s.today += trunk->today;
        s.answered += trunk->answered;
        s.ms += trunk->ms;
    }
    return s;
}

int64_t top_state_refusals(const struct top *t, size_t reason)
{
    int64_t n = 0;
    for (size_t i = 0; i < TOP_SECONDS; i++)
        n += t->reasons[reason].counts[i];
    return n;
}

/* Use of the scarcer of a trunk's limits, in 1/10,000. */
static int64_t load_of(const struct top_trunk *t)
{
    int64_t sessions = t->sessions > 0 ? t->busy * 10000 / t->sessions : 0;
    int64_t cps = t->cps_limit > 0 ? t->cps * 10000 / t->cps_limit : 0;
    return sessions > cps ? sessions : cps;
}

static int64_t rank(const struct top_trunk *t, enum top_sort sort)
{
    switch (sort) {
    case TOP_BY_CPS:
        return t->cps;
    case TOP_BY_LOAD:
        return load_of(t);
    case TOP_BY_ASR: /* the worst first */
        return t->today > 0 ? 10000 - t->answered * 10000 / t->today : -1;
    default:
        return t->busy;
    }
}

struct sorted {
    struct top_trunk *trunk;
    int64_t rank;
};

static int compare(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    if (x->trunk->busy != y->trunk->busy)
        return x->trunk->busy > y->trunk->busy ? -1 : 1;
    return strcmp(x->trunk->key, y->trunk->key);
}

struct top_trunk **top_state_trunks(const struct top *t, enum top_sort sort, size_t *ret_n)
{
    size_t n = 0, all = HASH_COUNT(t->trunks);
    struct sorted *order = ctl_alloc((all + 1) * sizeof *order);
    for (struct top_trunk *trunk = t->trunks; trunk; trunk = trunk->hh.next)
        order[n++] = (struct sorted){trunk, rank(trunk, sort)};
    qsort(order, n, sizeof *order, compare);
    struct top_trunk **list = ctl_alloc((n + 1) * sizeof(struct top_trunk *));
    for (size_t i = 0; i < n; i++)
        list[i] = order[i].trunk;
    free(order);
    *ret_n = n;
    return list;
}

const struct top_call *top_state_call(const struct top *t, size_t i)
{
    if (i >= t->n_calls)
        return NULL;
    return &t->calls[(t->next_call + TOP_CALLS - 1 - i) % TOP_CALLS];
}

bool top_state_is_alive(const struct top *t, const struct top_node *node)
{
    return t->now - node->seen <= t->lease_ms;
}
