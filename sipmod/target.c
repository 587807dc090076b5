#include "target.h"

#include <assert.h>
#include <stdlib.h>

#include "text.h"

/* The Request-URI's user: a prefix, then digits. One that does not fit stays empty and fails. */
static void set_user(struct target *t, const char *prefix, const char *digits)
{
    struct out o = {.buf = t->user, .cap = sizeof t->user - 1};
    out_text(&o, prefix);
    out_text(&o, digits);
    t->user[out_done(&o).n] = '\0';
}

static struct target to_trunk(const struct admit_target *a, const char *number)
{
    struct target t = {.forward = a->kind == ADMIT_FORWARD, .port = a->port};
    if (t.forward) {
        set_user(&t, "", a->host);
    } else {
        set_user(&t, a->prefix, number);
        text_set(t.host, sizeof t.host, a->host);
    }
    return t;
}

/* Digits cut off the number, a prefix put before. */
static struct target to_gateway(const struct gateway *g, const char *e164)
{
    size_t digits = strlen(e164), strip = g->strip < digits ? g->strip : digits;
    struct target t = {.port = g->port, .protocol = g->protocol, .limited = g->limited};
    set_user(&t, g->prefix, e164 + strip);
    text_set(t.host, sizeof t.host, g->host);
    text_set(t.gateway, sizeof t.gateway, g->name);
    return t;
}

static struct flow flow_to(const struct target *t, struct transport *tr, const struct addr *a,
                           struct listener *prefer)
{
    struct flow to = {.remote = *a};
    to.listener = transport_listener_for(tr, t->protocol, a, prefer);
    if (to.listener && transport_protocol(to.listener) == PROTOCOL_TLS)
        to.name = transport_name(tr, span_of(t->host));
    return to;
}

static_assert((int)DIRECTORY_HOST >= (int)ADDR_PORT_TEXT, "a place begins as a host");

void target_found(struct target *t, struct core *core, struct listener *prefer,
                  const struct addr *addresses, size_t n)
{
    t->n_addresses = n;
    t->next_address = 0;
    for (size_t i = 0; i < n; i++) {
        struct flow to = flow_to(t, core->transport, &addresses[i], prefer);
        t->addresses[i] = addresses[i];
        if (n > 1 && to.listener)
            health_know(core->health, &to);
    }
    if (n > 0)
        addr_port_text(&addresses[0], t->place);
    else
        memcpy(t->place, t->host, sizeof t->place - 1);
}

void target_settle(struct target *t, size_t address)
{
    addr_port_text(&t->addresses[address], t->place);
}

enum target_turn target_next(struct target *t, struct core *core, struct listener *prefer)
{
    enum target_turn turn = TARGET_NONE;
    while (t->next_address < t->n_addresses) {
        struct flow to = flow_to(t, core->transport, &t->addresses[t->next_address++], prefer);
        if (!to.listener)
            continue;
        if (!t->down && health_is_down(core->health, &to)) {
            turn = TARGET_DOWN;
            continue;
        }
        t->to = to;
        addr_port_text(&to.remote, t->place);
        return TARGET_READY;
    }
    return turn;
}

void target_uri(const struct target *t, struct out *o)
{
    char place[ADDR_PORT_TEXT];
    bool named = addr_parse(span_of(t->host), 0, &(struct addr){0}) != ERR_OK;
    if (named && t->port)
        out_format(o, "sip:%s@%s:%u", t->user, t->host, t->port);
    else if (named)
        out_format(o, "sip:%s@%s", t->user, t->host);
    else
        out_format(o, "sip:%s@%s", t->user, addr_port_text(&t->to.remote, place));
    out_text(o, transport_uri_param(t->to.listener));
}

void targets_clear(struct targets *ts)
{
    for (size_t i = 0; i < ts->n; i++)
        free(ts->list[i]);
    ts->n = 0;
}

static void add(struct targets *ts, const struct target *t)
{
    struct target *copy = ts->n < TARGETS ? malloc(sizeof *copy) : NULL;
    if (!copy)
        return;
    *copy = *t;
    ts->list[ts->n++] = copy;
}

void targets_add_trunk(struct targets *ts, const struct admit_answer *a, const char *number,
                       size_t n_bookings)
{
    for (size_t i = 0; i < a->n_targets; i++) {
        struct target t = to_trunk(&a->targets[i], number);
        t.n_bookings = n_bookings;
        add(ts, &t);
    }
}

void targets_add_exit(struct targets *ts, struct core *core, const struct routes_exit *exit,
                      const char *e164, size_t n_bookings)
{
    for (size_t i = 0; i < exit->n; i++) {
        const struct gateway *g = directory_gateway(core->directory, span_of(exit->gateways[i]));
        if (!g || !g->active)
            continue;
        struct target t = to_gateway(g, e164);
        t.n_bookings = n_bookings;
        add(ts, &t);
    }
}

struct target *targets_next(struct targets *ts)
{
    size_t n = ts->n - ts->next;
    struct target **rest = &ts->list[ts->next];
    if (n == 0)
        return NULL;
    for (size_t i = 1; i < n && rest[0]->down; i++) {
        struct target *first = rest[0];
        memmove(&rest[0], &rest[1], (n - 1) * sizeof *rest);
        rest[n - 1] = first;
    }
    ts->next++;
    return rest[0];
}

void targets_note(struct targets *ts, const char *place, int status)
{
    struct out o = {.buf = ts->attempts, .cap = sizeof ts->attempts - 1, .n = strlen(ts->attempts)};
    out_text(&o, o.n ? " " : "");
    out_text(&o, place);
    out_text(&o, "=");
    out_number(&o, (uint64_t)status);
    ts->attempts[o.n] = '\0';
}
