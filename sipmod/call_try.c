#include "call_priv.h"

#include "dialog.h"
#include "identity.h"
#include "lease.h"
#include "log.h"
#include "out.h"
#include "resolve.h"
#include "text.h"

enum { TEXT = 128 };

bool call_is_retried(int status)
{
    return status == 408 || (status >= 500 && status < 600);
}

struct rr call_rr(const struct call *c, const struct target *t)
{
    struct rr rr = {.n_bookings = t->n_bookings, .caller = c->caller};
    for (size_t i = 0; i < rr.n_bookings; i++)
        rr.bookings[i] = c->bookings[i].id;
    text_set(rr.gateway, sizeof rr.gateway, t->placed ? t->gateway : "");
    return rr;
}

/* What the number to which the call is forwarded learns of those that were called before. */
static void tell_forwarding(const struct call *c, const struct target *t,
                            struct relay_target *target, struct out *diversion, struct out *history)
{
    /* A gateway takes the call from the last number; a trunk is that of the last number. */
    size_t end = t->n_bookings - (t->gateway[0] ? 0 : 1);
    if (end <= call_first_number(c))
        return;
    struct identity_step steps[RR_BOOKINGS];
    struct identity_forward f = {
        .steps = steps, .us = transport_sent_by(target->to.listener), .to = target->request_uri};
    for (size_t i = call_first_number(c); i < end; i++)
        steps[f.n++] = (struct identity_step){c->bookings[i].number, c->bookings[i].diverted};
    identity_diversion(diversion, &f);
    identity_history(history, relay_request(c->relay), &f);
    target->diversion = out_done(diversion);
    target->history = out_done(history);
}

struct target *call_trying(struct call *c)
{
    return c->targets.list[c->targets.next - 1];
}

/* The current target and its address as the relay knows them. */
static size_t current_number(const struct call *c, const struct target *t)
{
    return (c->targets.next - 1) * TARGET_ADDRESSES + t->next_address - 1;
}

const struct target *call_settle(struct call *c, size_t number)
{
    struct target *t = c->targets.list[number / TARGET_ADDRESSES];
    target_settle(t, number % TARGET_ADDRESSES);
    return t;
}

struct span call_display(const struct call *c, struct out *text)
{
    if (c->bookings[0].name[0])
        identity_display(text, c->bookings[0].name);
    return out_done(text);
}

/* Sends the INVITE to the current target. */
static void forward(struct call *c)
{
    const struct target *t = call_trying(c);
    struct relay_target target = {.to = t->to, .watch = true, .number = current_number(c, t)};
    char uri_text[DIRECTORY_HOST + 80], param[RR_TEXT], diversion_text[4 * TEXT],
        history_text[10 * TEXT], display_text[CALL_DISPLAY];
    struct out uri = OUT_IN(uri_text), display = OUT_IN(display_text),
               diversion = OUT_IN(diversion_text), history = OUT_IN(history_text);
    struct rr rr = call_rr(c, t);
    c->current = t;
    target_uri(t, &uri);
    target.request_uri = out_done(&uri);
    target.rr_param = rr_text(&rr, store_mac_key(c->core->store), param);
    target.display = call_display(c, &display);
    target.withhold_identity = !t->gateway[0] && identity_is_private(relay_request(c->relay));
    target.withhold_history =
        !t->gateway[0] && identity_is_history_private(relay_request(c->relay));
    if (!target.withhold_history)
        tell_forwarding(c, t, &target, &diversion, &history);
    /* A topmost Route that names us brought the request here (§16.4); others stay. */
    target.drop_routes = dialog_first_route_is_us(c->core, relay_request(c->relay));
    int err = relay_try(c->relay, &target);
    if (err != ERR_OK) {
        log_warn("call %s: not forwarded to %s: %s", c->id, t->place, err_text(err));
        call_refuse(c, err == ERR_TOO_LARGE ? 513 : 500, "rejected", err_text(err), 0);
    }
}

bool call_try_next_address(struct call *c)
{
    bool found = target_next(call_trying(c), c->core, c->from.listener) == TARGET_READY;
    if (found)
        forward(c);
    return found;
}

bool call_wants_target(struct call *c)
{
    if (c->answered)
        return false; /* an earlier target answered late */
    if (relay_is_cancelled(c->relay))
        relay_give_up(c->relay, 487);
    return !relay_is_cancelled(c->relay);
}

/* A place that Redis may have given without our hearing of it is given back, too. */
static void on_place(void *arg, bool taken)
{
    struct call *c = arg;
    struct target *t = call_trying(c);
    t->placed = true;
    if (c->answered || !taken)
        call_drop_place(c, t);
    c->full |= !taken;
    if (!call_wants_target(c))
        return;
    if (taken)
        forward(c);
    else
        call_try_next(c);
}

static void take_place(struct call *c, const struct target *t)
{
    const struct rr_booking *b = &call_booking_of(c, t)->id;
    lease_take(c->core, t->gateway, b->account, b->call, call_longest(c, t->n_bookings), on_place,
               c);
}

static void on_resolved(void *arg, const struct addr *addresses, size_t n)
{
    struct call *c = arg;
    struct target *t = call_trying(c);
    if (!call_wants_target(c))
        return;
    target_found(t, c->core, c->from.listener, addresses, n);
    switch (target_next(t, c->core, c->from.listener)) {
    case TARGET_DOWN:
        t->down = true;
        c->targets.next--;
        call_try_next(c);
        break;
    case TARGET_NONE:
        c->current = t;
        targets_note(&c->targets, t->place, 503);
        call_try_next(c);
        break;
    case TARGET_READY:
        if (t->limited)
            take_place(c, t);
        else
            forward(c);
        break;
    }
}

static void give_up(struct call *c)
{
    if (c->full && !c->targets.attempts[0])
        call_refuse(c, 503, "gateways", NULL, 1);
    else
        relay_give_up(c->relay, c->targets.attempts[0] ? 500 : 404);
}

void call_try_next(struct call *c)
{
    if (c->answered)
        return;
    struct target *t = relay_is_cancelled(c->relay) ? NULL : targets_next(&c->targets);
    if (!t)
        give_up(c);
    else if (t->forward)
        call_forward_on(c, t);
    else
        resolve_host(c->core->resolver, span_of(t->host), t->port, t->protocol, on_resolved, c);
}
