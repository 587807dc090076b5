#include "call_priv.h"

#include <stdlib.h>

#include "call_id.h"
#include "clock.h"
#include "dial.h"
#include "refusal.h"
#include "text.h"

static void ask_owner(struct call *c, bool use_cache);
static void enter_number(struct call *c, const char *number, const char *account);

/* ---- admission ---- */

/* Tries what there is to try. */
static void go(struct call *c)
{
    if (c->targets.n == 0)
        call_refuse(c, 404, "no-route", "no route to this destination", 0);
    else
        call_try_next(c);
}

static void on_yes(struct call *c, const struct admit_answer *a)
{
    const struct booking *b = call_last_booking(c);
    if (!call_wants_target(c))
        return;
    if (b->onnet) {
        enter_number(c, b->number + 1, c->callee); /* behind the country code */
        return;
    }
    if (b->outbound)
        targets_add_exit(&c->targets, c->core, &c->exit, b->number, c->n_bookings);
    else
        targets_add_trunk(&c->targets, a, b->number, c->n_bookings);
    if (b->outbound && c->targets.n && !c->exit.rated)
        call_refuse(c, 403, "no-rate", "no rate for this destination", 0);
    else
        go(c);
}

/* The account of a number that the call was led to doesn't take it. What its money is like is
 * nobody else's business. */
static void on_no_elsewhere(struct call *c, const struct admit_refusal *r)
{
    bool own_affair = r->status == 402 || r->status == 403;
    int status = own_affair ? 480 : r->status;
    char lines[REFUSAL_LINES];
    targets_note(&c->targets, call_last_booking(c)->number, status);
    if (call_is_retried(status) && c->targets.next < c->targets.n)
        call_try_next(c);
    else
        call_respond(c, status,
                     own_affair
                         ? (struct span){0}
                         : refusal_lines(status, r->reason, r->text, r->retry_after_s, lines),
                     refusal_reason(status), "callee");
}

static void on_admitted(void *arg, const struct admit_answer *a)
{
    struct call *c = arg;
    booking_admitted(call_last_booking(c), a);
    if (c->answered) { /* by an earlier target */
        call_end_bookings(c, c->n_bookings - 1, 487, "cancelled", "caller");
        return;
    }
    switch (a->outcome) {
    case ADMIT_YES:
        if (c->n_bookings == 1)
            meter_admitted(c->core->meter);
        on_yes(c, a);
        break;
    case ADMIT_NO:
        if (c->n_bookings > 1)
            on_no_elsewhere(c, &a->refusal);
        else
            call_refuse(c, a->refusal.status, a->refusal.reason, a->refusal.text,
                        a->refusal.retry_after_s);
        break;
    case ADMIT_STALE:
        ask_owner(c, false);
        break;
    case ADMIT_UNKNOWN: /* its end frees the slot, if there is one */
        call_refuse_unavailable(c, "no answer from the store");
        break;
    }
}

/* Before the answer: who is traced may be refused. */
static void show_booking(const struct call *c, const struct booking *b)
{
    struct capture_booking shown = {.call_id = relay_request(c->relay)->call_id,
                                    .call = c->id,
                                    .account = b->id.account,
                                    .tg = b->tg,
                                    .number = b->number,
                                    .mark = c->mark};
    capture_booking(c->core->capture, &shown);
}

static void ask_admission(struct call *c)
{
    show_booking(c, call_last_booking(c));
    if (booking_ask(c->core, call_last_booking(c), relay_request(c->relay), &c->origin, &c->exit,
                    on_admitted, c) != ERR_OK)
        call_refuse_unavailable(c, "the store can't be reached");
}

/* ---- on-net ---- */

static void enter_number(struct call *c, const char *number, const char *account)
{
    call_add_booking(c, account, number, BOOKING_ONNET);
    ask_admission(c);
}

/* Whether forwarding came back to a number, or went on too often. */
static bool is_forwarding_loop(const struct call *c, const char *number)
{
    bool loop = c->n_bookings - call_first_number(c) == TARGET_NUMBERS;
    for (size_t i = call_first_number(c); i < c->n_bookings; i++)
        loop |= strcmp(c->bookings[i].number, number) == 0;
    return loop;
}

/* Gateways of the call forwarding number are known: they take the place of its target. */
static void on_forward_exit(void *arg, int err, const struct routes_exit *exit)
{
    struct call *c = arg;
    const struct target *t = call_trying(c);
    if (err == ERR_OK)
        targets_add_exit(&c->targets, c->core, exit, t->user, t->n_bookings);
    call_try_next(c);
}

static void on_forward_owner(void *arg, int err, const char *account, bool cached)
{
    struct call *c = arg;
    const struct target *t = call_trying(c);
    struct phone phone;
    (void)cached;
    if (!call_wants_target(c))
        return;
    if (err == ERR_NOT_FOUND) {
        routes_exit(c->core->routes, call_booking_of(c, t)->id.account, t->user, on_forward_exit,
                    c);
    } else if (err != ERR_OK || phone_parse(span_of(t->user), &phone) != ERR_OK) {
        call_try_next(c);
    } else if (is_forwarding_loop(c, phone.digits)) {
        targets_note(&c->targets, phone.digits, 482);
        call_try_next(c);
    } else {
        enter_number(c, phone.digits, account);
    }
}

/* For what the call goes on from its latest number: the last target's answer, or that all are down.
 * 0: there was nobody to try. */
static int diverted_for(const struct call *c, const struct target *forwarding)
{
    const char *attempts = c->targets.attempts + call_booking_of(c, forwarding)->attempts_from;
    const char *tried = strrchr(attempts, '=');
    for (size_t i = 0; !tried && i < c->targets.n; i++) {
        const struct target *t = c->targets.list[i];
        if (t != forwarding && t->n_bookings == forwarding->n_bookings)
            return 503;
    }
    return tried ? atoi(tried + 1) : 0;
}

/* Call forwarding: to a number of ours, or by the gateways that lead to the number. */
void call_forward_on(struct call *c, const struct target *t)
{
    struct phone phone;
    c->bookings[t->n_bookings - 1].diverted = diverted_for(c, t);
    if (phone_parse(span_of(t->user), &phone) == ERR_OK)
        routes_owner(c->core->routes, phone.digits, false, on_forward_owner, c);
    else
        on_forward_owner(c, ERR_NOT_FOUND, "", false);
}

/* ---- whose call ---- */

static void on_owner(void *arg, int err, const char *account, bool cached)
{
    struct call *c = arg;
    struct booking *b = call_last_booking(c);
    if (err == ERR_OK && !relay_is_cancelled(c->relay)) {
        text_set(b->id.account, sizeof b->id.account, account);
        b->cached = cached;
        ask_admission(c);
    } else if (err == ERR_OK || err == ERR_NOT_FOUND) {
        call_refuse(c, 404, "unknown", "number not in service", 0);
    } else {
        call_refuse_unavailable(c, "the store did not answer");
    }
}

static void ask_owner(struct call *c, bool use_cache)
{
    routes_owner(c->core->routes, call_last_booking(c)->number, use_cache, on_owner, c);
}

static void on_exit_known(void *arg, int err, const struct routes_exit *exit)
{
    struct call *c = arg;
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        call_refuse_unavailable(c, "the store did not answer");
        return;
    }
    /* Without a route it is admitted and refused, for its CDR. */
    if (err == ERR_OK || call_last_booking(c)->onnet)
        c->exit = *exit;
    ask_admission(c);
}

/* Whether the dialled number is one of ours. A stale answer would cost the price of another way, so
 * memory won't do. */
static void on_callee(void *arg, int err, const char *account, bool cached)
{
    struct call *c = arg;
    struct booking *b = call_last_booking(c);
    (void)cached;
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        call_refuse_unavailable(c, "the store did not answer");
        return;
    }
    b->onnet = err == ERR_OK;
    if (b->onnet) {
        text_set(c->callee, sizeof c->callee, account);
        text_set(b->upstream, sizeof b->upstream, BOOKING_ONNET);
    }
    routes_exit(c->core->routes, b->id.account, b->number, on_exit_known, c);
}

static void start_inbound(struct call *c, const struct source *source)
{
    struct phone phone;
    if (dial_inbound(&relay_request(c->relay)->uri, &phone) != DIAL_NUMBER) {
        call_refuse(c, 404, "unknown", "not a number in service", 0);
        return;
    }
    call_add_booking(c, "", phone.digits, source->name);
    ask_owner(c, true);
}

static void start_outbound(struct call *c, const struct source *source)
{
    char number[PHONE_E164_MAX + 1];
    struct phone nanp;
    switch (dial_outbound(&relay_request(c->relay)->uri, number)) {
    case DIAL_NUMBER:
        break;
    case DIAL_SERVICE:
        call_refuse(c, 404, "service", "emergency and service codes are not carried", 0);
        return;
    case DIAL_INVALID:
        call_refuse(c, 404, "unknown", "not an E.164 number", 0);
        return;
    }
    struct booking *b = call_add_booking(c, source->account, number, "");
    b->outbound = true;
    text_set(b->tg, sizeof b->tg, source->tg);
    if (phone_parse(span_of(number), &nanp) == ERR_OK)
        routes_owner(c->core->routes, nanp.digits, false, on_callee, c);
    else
        on_callee(c, ERR_NOT_FOUND, "", false);
}

/* An edge that tries another instance of ours asks for the same call. */
static void derive_id(struct call *c, const struct mac_key *key)
{
    struct via via;
    edges_via(c->core->edges, relay_request(c->relay), &c->from.remote, &via);
    call_id_derive(key, relay_request(c->relay), &via, c->id);
}

void call_start(struct core *core, struct txn_server *server, const struct flow *from,
                const struct addr *origin, const struct source *source)
{
    struct call *c = calloc(1, sizeof *c);
    if (!c)
        return; /* the INVITE is retransmitted */
    c->core = core;
    c->from = *from;
    c->origin = *origin;
    c->invited = clock_boot_ms();
    c->mark = capture_mark(core->capture);
    if (relay_new(&c->relay, core, server, from, &call_relay_events, c) != ERR_OK) {
        free(c);
        return;
    }
    const struct mac_key *key = store_mac_key(core->store);
    if (key) /* without one the call is refused before it needs an id */
        derive_id(c, key);
    c->caller = rr_tag_hash(relay_request(c->relay)->from.tag);
    c->contact = dialogs_contact(relay_request(c->relay));
    relay_respond(c->relay, 100, NULL, (struct span){0});
    meter_call(core->meter, source->kind != SOURCE_CARRIER);
    if (core->draining || !store_is_up(core->store))
        call_refuse_unavailable(c, core->draining ? "draining" : "the store can't be reached");
    else if (source->kind == SOURCE_CARRIER)
        start_inbound(c, source);
    else
        start_outbound(c, source);
}
