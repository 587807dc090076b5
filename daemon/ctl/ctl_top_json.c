#include "ctl_top_json.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *limit(int64_t v)
{
    return v < 0 ? json_null() : json_integer(v);
}

static json_t *trunk_of(const struct top_trunk *t)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:I, s:o, s:I, s:I, s:I}", "account", t->account,
                     "tg", t->id, "direction", t->direction, "calls", (json_int_t)t->busy,
                     "sessions", limit(t->sessions), "cps", (json_int_t)t->cps, "cps_limit",
                     limit(t->cps_limit), "today", (json_int_t)t->today, "answered",
                     (json_int_t)t->answered, "ms", (json_int_t)t->ms);
}

static json_t *trunks_of(const struct top *t)
{
    size_t n;
    json_t *list = json_array();
    struct top_trunk **trunks = top_state_trunks(t, TOP_BY_SESSIONS, &n);
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, trunk_of(trunks[i]));
    free(trunks);
    return list;
}

static json_t *nodes_of(const struct top *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct top_node *n = &t->nodes[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "node",
                                                    n->name, "address", n->address, "version",
                                                    n->version, "alive", top_state_is_alive(t, n),
                                                    "calls", limit(n->calls), "targets",
                                                    limit(n->watched), "down", limit(n->down)));
    }
    return list;
}

static json_t *gateways_of(const struct top *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n_gateways; i++) {
        const struct top_gateway *g = &t->gateways[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:b, s:I, s:o}", "gateway", g->name,
                                                    "off", g->off, "calls", (json_int_t)g->taken,
                                                    "capacity", limit(g->capacity)));
    }
    return list;
}

static json_t *targets_of(const struct top *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n_targets; i++) {
        const struct top_target *x = &t->targets[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s}", "target", x->target,
                                                    "node", x->node, "since", (json_int_t)x->since,
                                                    "why", x->why));
    }
    return list;
}

static json_t *refusals_of(const struct top *t)
{
    json_t *reasons = json_object();
    for (size_t i = 0; i < t->n_reasons; i++) {
        if (top_state_refusals(t, i) > 0)
            (void)json_object_set_new(reasons, t->reasons[i].reason,
                                      json_integer(top_state_refusals(t, i)));
    }
    return reasons;
}

bool top_json_print(const struct top *t)
{
    struct top_sums s = top_state_sums(t);
    json_t *all = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "at",
        (json_int_t)t->now, "calls", (json_int_t)s.live, "cps", (json_int_t)t->rate.starts,
        "answered", (json_int_t)t->rate.answers, "refused", (json_int_t)t->rate.refusals,
        "refused_minute", refusals_of(t), "today", (json_int_t)s.today, "today_answered",
        (json_int_t)s.answered, "today_ms", (json_int_t)s.ms, "trunks", trunks_of(t), "nodes",
        nodes_of(t), "gateways", gateways_of(t), "targets_down", targets_of(t));
    bool done = all && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && fputc('\n', stdout) != EOF &&
                fflush(stdout) == 0;
    json_decref(all);
    return done;
}
