#include "call.h"

#include <stdio.h>
#include <stdlib.h>

#include "admit.h"
#include "clock.h"
#include "dial.h"
#include "dialog.h"
#include "identity.h"
#include "lease.h"
#include "log.h"
#include "out.h"
#include "phone.h"
#include "refusal.h"
#include "relay.h"
#include "resolve.h"
#include "secret.h"
#include "target.h"
#include "text.h"

enum { TEXT = 128, ATTEMPTS = 256 };

struct call {
    struct core *core;
    struct relay *relay;
    struct flow from;
    bool outbound;
    bool admitted; /* Redis may hold a slot for it */
    bool answered, ended;
    bool full;    /* a gateway had no place */
    bool stamped; /* Redis or the disk knows of the answer */
    bool held;    /* the 2xx waits for that */
    char account[RR_ACCOUNT], id[RR_CALL], tg[DIRECTORY_ID], carrier[DIRECTORY_NAME];
    char number[PHONE_E164_MAX + 1];
    bool cached_owner;
    struct routes_exit exit; /* outbound: how it leaves and at which price */
    struct target *targets;  /* room for max_targets, made once it is known how many may come */
    size_t n_targets, max_targets, next_target;
    const struct target *current; /* tried last, or the one that answered; NULL: none yet */
    char attempts[ATTEMPTS];
    int64_t invited, rang; /* clock_boot_ms */
    struct rr rr;
    int64_t longest_s;
    char *contact; /* the caller's Contact URI, or NULL */
};

static bool try_next_address(struct call *c);
static void try_next(struct call *c);

/* ---- ends ---- */

/* 0 says that nothing rang, so a callee on this machine rings after one. */
static int64_t post_dial_delay(const struct call *c)
{
    int64_t ms = c->rang - c->invited;
    return !c->rang ? 0 : ms > 0 ? ms : 1;
}

/* What Redis must know of the call as it stands. */
static struct outbox_event event_now(const struct call *c, int code, const char *reason,
                                     const char *by)
{
    const struct target *t = c->current;
    return (struct outbox_event){.code = code,
                                 .reason = reason,
                                 .by = by,
                                 .target = t ? t->place : "",
                                 .attempts = c->attempts,
                                 .upstream = t ? t->gateway : "",
                                 .pdd_ms = post_dial_delay(c)};
}

static void drop_place(struct call *c, struct target *t)
{
    if (t->placed)
        lease_drop(c->core, t->gateway, c->account, c->id);
    t->placed = false;
}

/* Gives back all places at gateways but that of a target. */
static void drop_places(struct call *c, const struct target *but)
{
    for (size_t i = 0; i < c->n_targets; i++) {
        if (&c->targets[i] != but)
            drop_place(c, &c->targets[i]);
    }
}

/* An admitted call is over before it was answered. */
static void finish(struct call *c, int code, const char *reason, const char *by)
{
    struct outbox_event event = event_now(c, code, reason, by);
    if (c->ended)
        return;
    c->ended = true;
    drop_places(c, NULL);
    meter_unanswered(c->core->meter, reason);
    if (c->admitted)
        outbox_finish(c->core->outbox, c->account, c->id, &event, NULL, NULL);
}

/* Answers by ourselves and ends the call. */
static void refuse(struct call *c, int status, const char *reason, const char *text,
                   int64_t retry_after_s)
{
    char lines[REFUSAL_LINES];
    if (relay_is_cancelled(c->relay)) {
        relay_respond(c->relay, 487, NULL, (struct span){0});
        finish(c, 487, "cancelled", "caller");
        return;
    }
    relay_respond(c->relay, status, NULL,
                  refusal_lines(status, reason, text, retry_after_s, lines));
    finish(c, status, reason, "system");
}

static void refuse_unavailable(struct call *c, const char *text)
{
    refuse(c, 503, "overload", text, c->core->conf->sip.retry_after_s);
}

/* ---- events of the relay ---- */

static void note_attempt(struct call *c, int status)
{
    size_t n = strlen(c->attempts);
    snprintf(c->attempts + n, sizeof c->attempts - n, "%s%s=%d", n ? " " : "", c->current->place,
             status);
}

static void on_ringing(void *user, const struct msg *response)
{
    struct call *c = user;
    (void)response;
    if (!c->rang)
        c->rang = clock_boot_ms();
}

/* A call that Redis has closed meanwhile (we were silent too long) must not come up uncounted. */
static void on_stamped(void *arg, bool live)
{
    struct call *c = arg;
    bool held = c->held;
    c->stamped = true;
    c->held = false;
    if (!live) {
        log_warn("call %s: answered after it was closed", c->id);
        relay_disown(c->relay, 500);
    } else if (held) {
        relay_release(c->relay);
    }
}

/* The place that goes with the dialog. */
static void name_place(struct call *c, const struct target *t)
{
    text_set(c->rr.gateway, sizeof c->rr.gateway, t->placed ? t->gateway : "");
}

/* Targets and their addresses as the relay knows them. */
static size_t number_of(const struct call *c, const struct target *t)
{
    return (size_t)(t - c->targets) * TARGET_ADDRESSES + t->next_address - 1;
}

static const struct target *settle(struct call *c, size_t number)
{
    struct target *t = &c->targets[number / TARGET_ADDRESSES];
    target_settle(t, number % TARGET_ADDRESSES);
    return t;
}

/* The 2xx goes back once the answer is safe: no call is up that isn't counted, even if we die. */
static bool on_answered(void *user, const struct msg *response, size_t number)
{
    struct call *c = user;
    if (c->answered)
        return c->held;
    c->answered = true;
    c->ended = true; /* from here on the dialog's BYE ends it */
    c->current = settle(c, number);
    if (!c->rang)
        c->rang = clock_boot_ms();
    note_attempt(c, response->status);
    struct outbox_event event = event_now(c, response->status, "answered", "");
    meter_answered(c->core->meter, c->outbound, event.pdd_ms);
    drop_places(c, c->current);
    name_place(c, c->current);
    dialogs_confirm(c->core->dialogs, &c->rr, span_of(c->contact), response, c->longest_s);
    dialogs_session(c->core->dialogs, response, relay_session_s(c->relay, response));
    outbox_answer(c->core->outbox, c->account, c->id, &event, on_stamped, c);
    c->held = !c->stamped;
    return c->held;
}

/* The next target has its turn after no answer, 408 and server failures only. */
static bool on_refused(void *user, int status)
{
    struct call *c = user;
    note_attempt(c, status);
    if ((status == 408 || status == 503) && try_next_address(c))
        return true;
    bool retry = status == 408 || (status >= 500 && status < 600);
    if (!retry || c->next_target == c->n_targets)
        return false;
    try_next(c);
    return true;
}

static void on_failed(void *user, int status, bool by_target)
{
    struct call *c = user;
    bool cancelled = relay_is_cancelled(c->relay);
    finish(c, status, cancelled ? "cancelled" : refusal_reason(status),
           cancelled   ? "caller"
           : by_target ? "callee"
                       : "system");
}

static void on_ended(void *user)
{
    struct call *c = user;
    if (c->held)
        outbox_forget(c->core->outbox, c);
    finish(c, 500, "lost", "system");
    free(c->contact);
    free(c->targets);
    free(c);
}

/* ---- targets ---- */

static const char *format_rr_param(struct call *c, const struct target *t, char buf[RR_TEXT])
{
    name_place(c, t);
    c->rr.caller = rr_tag_hash(relay_request(c->relay)->from.tag);
    memcpy(c->rr.account, c->account, sizeof c->rr.account);
    memcpy(c->rr.call, c->id, sizeof c->rr.call);
    return rr_text(&c->rr, store_mac_key(c->core->store), buf);
}

/* What the number to which the call is forwarded learns of the one that was called. */
static void tell_forwarding(const struct call *c, struct relay_target *target,
                            struct out *diversion, struct out *history)
{
    size_t n = strlen(c->attempts);
    struct identity_forward f = {
        .number = c->number,
        .us = transport_sent_by(target->to.listener),
        .to = target->request_uri,
        .reason = n > 4 && strcmp(c->attempts + n - 4, "=408") == 0 ? "no-answer" : "unavailable",
    };
    identity_diversion(diversion, &f);
    identity_history(history, relay_request(c->relay), &f);
    target->diversion = out_done(diversion);
    target->history = out_done(history);
}

/* Sends the INVITE to the current target. */
static void forward(struct call *c)
{
    const struct target *t = &c->targets[c->next_target - 1];
    struct relay_target target = {.to = t->to, .watch = true, .number = number_of(c, t)};
    char uri_text[DIRECTORY_HOST + 80], param[RR_TEXT], diversion_text[TEXT],
        history_text[4 * TEXT];
    struct out uri = OUT_IN(uri_text), diversion = OUT_IN(diversion_text),
               history = OUT_IN(history_text);
    c->current = t;
    target_uri(t, &uri);
    target.request_uri = out_done(&uri);
    target.rr_param = format_rr_param(c, t, param);
    target.withhold_identity = !t->gateway[0] && identity_is_private(relay_request(c->relay));
    if (t->forwarded)
        tell_forwarding(c, &target, &diversion, &history);
    /* A topmost Route that names us brought the request here (§16.4); others stay. */
    target.drop_routes = dialog_first_route_is_us(c->core, relay_request(c->relay));
    int err = relay_try(c->relay, &target);
    if (err != ERR_OK) {
        log_warn("call %s: not forwarded to %s: %s", c->id, t->place, err_text(err));
        refuse(c, err == ERR_TOO_LARGE ? 513 : 500, "rejected", err_text(err), 0);
    }
}

/* RFC 3263 §4.3: the other addresses of a name come before the next target; the place at its
 * gateway stays taken. */
static bool try_next_address(struct call *c)
{
    bool found =
        target_next(&c->targets[c->next_target - 1], c->core, c->from.listener) == TARGET_READY;
    if (found)
        forward(c);
    return found;
}

/* Whether the call still wants its next target, after a wait; ends a cancelled one. */
static bool wants_target(struct call *c)
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
    struct target *t = &c->targets[c->next_target - 1];
    t->placed = true;
    if (c->answered || !taken)
        drop_place(c, t);
    c->full |= !taken;
    if (!wants_target(c))
        return;
    if (taken)
        forward(c);
    else
        try_next(c);
}

static void on_resolved(void *arg, const struct addr *addresses, size_t n)
{
    struct call *c = arg;
    struct target *t = &c->targets[c->next_target - 1];
    if (!wants_target(c))
        return;
    target_found(t, c->core, c->from.listener, addresses, n);
    switch (target_next(t, c->core, c->from.listener)) {
    case TARGET_DOWN:
        t->down = true;
        c->next_target--;
        try_next(c);
        break;
    case TARGET_NONE:
        c->current = t;
        note_attempt(c, 503);
        try_next(c);
        break;
    case TARGET_READY:
        if (t->limited)
            lease_take(c->core, t->gateway, c->account, c->id, c->longest_s, on_place, c);
        else
            forward(c);
        break;
    }
}

static void add_gateway(struct call *c, const char *name, const char *e164)
{
    const struct gateway *g = directory_gateway(c->core->directory, span_of(name));
    if (g && g->active && c->n_targets < c->max_targets)
        target_to_gateway(&c->targets[c->n_targets++], g, e164);
}

static void add_exit(struct call *c, const struct routes_exit *exit, const char *e164)
{
    for (size_t i = 0; i < exit->n; i++)
        add_gateway(c, exit->gateways[i], e164);
}

/* Gateways of the call forwarding number are known: they take the place of its target. */
static void on_forward_exit(void *arg, int err, const struct routes_exit *exit)
{
    struct call *c = arg;
    size_t first = c->n_targets;
    if (err == ERR_OK)
        add_exit(c, exit, c->targets[c->next_target - 1].user);
    for (size_t i = first; i < c->n_targets; i++)
        c->targets[i].forwarded = true;
    try_next(c);
}

static void give_up(struct call *c)
{
    if (c->full && !c->attempts[0])
        refuse(c, 503, "gateways", NULL, 1);
    else
        relay_give_up(c->relay, c->attempts[0] ? 500 : 404);
}

/* Starts on the next target; without one the call fails with the best response. */
static void try_next(struct call *c)
{
    if (c->answered)
        return;
    if (c->next_target == c->n_targets || relay_is_cancelled(c->relay)) {
        give_up(c);
        return;
    }
    target_down_last(&c->targets[c->next_target], c->n_targets - c->next_target);
    const struct target *t = &c->targets[c->next_target++];
    if (t->forward)
        routes_exit(c->core->routes, c->account, t->user, on_forward_exit, c);
    else
        resolve_host(c->core->resolver, span_of(t->host), t->port, t->protocol, on_resolved, c);
}

/* ---- admission ---- */

static void ask_owner(struct call *c, bool use_cache);

/* Nearly all calls to a trunk do not. */
static bool brings_gateways(const struct call *c, const struct admit_answer *a)
{
    bool forwards = false;
    for (size_t i = 0; i < a->n_targets; i++)
        forwards |= a->targets[i].kind == ADMIT_FORWARD;
    return c->outbound || forwards;
}

static void go(struct call *c, const struct admit_answer *a)
{
    c->max_targets = a->n_targets + (brings_gateways(c, a) ? ROUTES_GATEWAYS : 0);
    c->targets = calloc(c->max_targets ? c->max_targets : 1, sizeof *c->targets);
    if (!c->targets) {
        refuse(c, 500, "rejected", err_text(ERR_NOMEM), 0);
        return;
    }
    if (c->outbound)
        add_exit(c, &c->exit, c->number);
    for (size_t i = 0; !c->outbound && i < a->n_targets; i++)
        target_to_trunk(&c->targets[c->n_targets++], &a->targets[i], c->number);
    if (relay_is_cancelled(c->relay))
        refuse(c, 487, "cancelled", "", 0);
    else if (c->n_targets == 0)
        refuse(c, 404, "no-route", "no route to this destination", 0);
    else if (c->outbound && !c->exit.rated)
        refuse(c, 403, "no-rate", "no rate for this destination", 0);
    else
        try_next(c);
}

static void on_admitted(void *arg, const struct admit_answer *a)
{
    struct call *c = arg;
    switch (a->outcome) {
    case ADMIT_YES:
        meter_admitted(c->core->meter);
        c->admitted = true;
        c->longest_s = a->longest_s;
        go(c, a);
        break;
    case ADMIT_NO:
        refuse(c, a->refusal.status, a->refusal.reason, a->refusal.text, a->refusal.retry_after_s);
        break;
    case ADMIT_STALE:
        ask_owner(c, false);
        break;
    case ADMIT_UNKNOWN:
        c->admitted = true; /* perhaps: its end frees the slot, if there is one */
        refuse_unavailable(c, "no answer from the store");
        break;
    }
}

static void ask_admission(struct call *c)
{
    const struct msg *m = relay_request(c->relay);
    char from[TEXT], to[TEXT], callid[TEXT], source[ADDR_PORT_TEXT];
    text_set_span(from, sizeof from, m->from.uri.text);
    text_set_span(to, sizeof to, m->to.uri.text);
    text_set_span(callid, sizeof callid, m->call_id);
    struct admit_question q = {
        .account = c->account,
        .call = c->id,
        .outbound = c->outbound,
        .number = c->number,
        .tg = c->tg,
        .from = from,
        .to = to,
        .source = addr_port_text(&c->from.remote, source),
        .upstream = c->carrier,
        .callid = callid,
        .rate = c->exit.rated ? c->exit.rate
                : c->outbound ? "0"
                              : "",
        .increment = c->exit.rated ? c->exit.increment
                     : c->outbound ? "1"
                                   : "",
        .minimum = c->exit.rated ? c->exit.minimum
                   : c->outbound ? "0"
                                 : "",
        .cached = c->cached_owner,
    };
    if (admit_ask(c->core, &q, on_admitted, c) != ERR_OK)
        refuse_unavailable(c, "the store can't be reached");
}

/* ---- whose call ---- */

static void on_owner(void *arg, int err, const char *account, bool cached)
{
    struct call *c = arg;
    if (err == ERR_OK && !relay_is_cancelled(c->relay)) {
        text_set(c->account, sizeof c->account, account);
        c->cached_owner = cached;
        ask_admission(c);
    } else if (err == ERR_OK || err == ERR_NOT_FOUND) {
        refuse(c, 404, "unknown", "number not in service", 0);
    } else {
        refuse_unavailable(c, "the store did not answer");
    }
}

static void ask_owner(struct call *c, bool use_cache)
{
    routes_owner(c->core->routes, c->number, use_cache, on_owner, c);
}

static void on_exit_known(void *arg, int err, const struct routes_exit *exit)
{
    struct call *c = arg;
    if (err == ERR_OK)
        c->exit = *exit;
    else if (err != ERR_NOT_FOUND) /* without a route it is admitted and refused, for its CDR */
        return refuse_unavailable(c, "the store did not answer");
    ask_admission(c);
}

static void start_inbound(struct call *c, const struct source *source)
{
    struct phone phone;
    text_set(c->carrier, sizeof c->carrier, source->name);
    if (dial_inbound(&relay_request(c->relay)->uri, &phone) != DIAL_NUMBER) {
        refuse(c, 404, "unknown", "not a number in service", 0);
        return;
    }
    text_set(c->number, sizeof c->number, phone.digits);
    ask_owner(c, true);
}

static void start_outbound(struct call *c, const struct source *source)
{
    c->outbound = true;
    text_set(c->account, sizeof c->account, source->account);
    text_set(c->tg, sizeof c->tg, source->tg);
    switch (dial_outbound(&relay_request(c->relay)->uri, c->number)) {
    case DIAL_NUMBER:
        routes_exit(c->core->routes, c->account, c->number, on_exit_known, c);
        break;
    case DIAL_SERVICE:
        refuse(c, 404, "service", "emergency and service codes are not carried", 0);
        break;
    case DIAL_INVALID:
        refuse(c, 404, "unknown", "not an E.164 number", 0);
        break;
    }
}

/* The same INVITE has the same id, wherever and however often it arrives. */
static void derive_id(struct call *c, const struct msg *m)
{
    struct out o = {.buf = c->core->bytes, .cap = CORE_BYTES};
    char hex[SECRET_SHA256_HEX];
    out_span(&o, m->call_id);
    out_format(&o, "\n%u\n", m->cseq);
    out_span(&o, m->from.tag);
    out_text(&o, "\n");
    out_span(&o, m->via.branch);
    out_text(&o, "\n");
    out_span(&o, m->via.host);
    out_format(&o, ":%u", m->via.port);
    secret_sha256_hex(out_done(&o), hex);
    text_set(c->id, sizeof c->id, hex); /* its first 20 digits */
}

void call_start(struct core *core, struct txn_server *server, const struct flow *from,
                const struct source *source)
{
    static const struct relay_events events = {on_ringing, on_answered, on_refused,
                                               NULL,       on_failed,   on_ended};
    struct call *c = calloc(1, sizeof *c);
    if (!c)
        return; /* the INVITE is retransmitted */
    c->core = core;
    c->from = *from;
    c->invited = clock_boot_ms();
    if (relay_new(&c->relay, core, server, from, &events, c) != ERR_OK) {
        free(c);
        return;
    }
    derive_id(c, relay_request(c->relay));
    c->contact = dialogs_contact(relay_request(c->relay));
    relay_respond(c->relay, 100, NULL, (struct span){0});
    meter_call(core->meter, source->kind != SOURCE_CARRIER);
    if (core->draining || !store_is_up(core->store))
        refuse_unavailable(c, core->draining ? "draining" : "the store can't be reached");
    else if (source->kind == SOURCE_CARRIER)
        start_inbound(c, source);
    else
        start_outbound(c, source);
}
