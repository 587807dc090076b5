#include "call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "admit.h"
#include "clock.h"
#include "dialog.h"
#include "log.h"
#include "out.h"
#include "phone.h"
#include "refusal.h"
#include "relay.h"
#include "resolve.h"
#include "secret.h"

enum { TARGETS = ADMIT_TARGETS + ROUTES_GATEWAYS, USER = 48, TEXT = 128, ATTEMPTS = 256 };

/* Where the call may go. A forward target stands for the gateways that lead to its number. */
struct target {
    bool forward;
    char user[USER]; /* digits of the Request-URI */
    char host[DIRECTORY_HOST];
    uint16_t port;
    enum protocol protocol;
    char gateway[DIRECTORY_NAME]; /* "" if a trunk's own address */
    char place[ADDR_PORT_TEXT];   /* address and port once known */
    bool down;                    /* was found so: it has its turn after all others */
};

struct call {
    struct core *core;
    struct relay *relay;
    struct flow from;
    bool outbound;
    bool admitted; /* Redis may hold a slot for it */
    bool answered, ended;
    bool stamped; /* Redis or the disk knows of the answer */
    bool held;    /* the 2xx waits for that */
    char account[RR_ACCOUNT], id[RR_CALL], tg[DIRECTORY_ID], carrier[DIRECTORY_NAME];
    char number[PHONE_E164_MAX + 1];
    bool cached_owner;
    struct routes_exit exit; /* outbound: how it leaves and at which price */
    struct target targets[TARGETS];
    size_t n_targets, next_target;
    const struct target *current; /* tried last, or the one that answered; NULL: none yet */
    char attempts[ATTEMPTS];
    int64_t invited, rang; /* clock_boot_ms */
    struct rr rr;
    int64_t longest_s;
    char *contact; /* the caller's Contact URI, or NULL */
};

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

/* An admitted call is over before it was answered. */
static void finish(struct call *c, int code, const char *reason, const char *by)
{
    struct outbox_event event = event_now(c, code, reason, by);
    if (c->ended)
        return;
    c->ended = true;
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

/* The 2xx goes back once the answer is safe: no call is up that isn't counted, even if we die. */
static bool on_answered(void *user, const struct msg *response, size_t number)
{
    struct call *c = user;
    if (c->answered)
        return c->held;
    c->answered = true;
    c->ended = true; /* from here on the dialog's BYE ends it */
    c->current = &c->targets[number];
    if (!c->rang)
        c->rang = clock_boot_ms();
    note_attempt(c, response->status);
    struct outbox_event event = event_now(c, response->status, "answered", "");
    dialogs_confirm(c->core->dialogs, &c->rr, span_of(c->contact), response, c->longest_s);
    outbox_answer(c->core->outbox, c->account, c->id, &event, on_stamped, c);
    c->held = !c->stamped;
    return c->held;
}

/* The next target has its turn after no answer, 408 and server failures only. */
static bool on_refused(void *user, int status)
{
    struct call *c = user;
    note_attempt(c, status);
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
    free(c);
}

/* ---- targets ---- */

static void format_request_uri(const struct target *t, const struct addr *a,
                               const struct listener *l, struct out *o)
{
    char place[ADDR_PORT_TEXT];
    bool named = addr_parse(span_of(t->host), 0, &(struct addr){0}) != ERR_OK;
    if (named)
        out_format(o, "sip:%s@%s:%u", t->user, t->host, t->port);
    else
        out_format(o, "sip:%s@%s", t->user, addr_port_text(a, place));
    out_text(o, transport_uri_param(l));
}

static const char *format_rr_param(struct call *c, char buf[RR_TEXT])
{
    c->rr.caller = rr_tag_hash(relay_request(c->relay)->from.tag);
    memcpy(c->rr.account, c->account, sizeof c->rr.account);
    memcpy(c->rr.call, c->id, sizeof c->rr.call);
    return rr_text(&c->rr, store_secret(c->core->store), buf);
}

/* Where the target is to be reached; no listener: it can't be. */
static struct flow flow_to(const struct call *c, const struct target *t, const struct addr *a)
{
    struct transport *tr = c->core->transport;
    struct flow to = {0};
    if (!a)
        return to;
    to.remote = *a;
    to.listener = transport_listener_for(tr, t->protocol, a, c->from.listener);
    if (to.listener && transport_protocol(to.listener) == PROTOCOL_TLS)
        to.name = transport_name(tr, span_of(t->host));
    return to;
}

static_assert((int)DIRECTORY_HOST >= (int)ADDR_PORT_TEXT, "a place begins as a host");

static void on_resolved(void *arg, const struct addr *address)
{
    struct call *c = arg;
    struct target *t = &c->targets[c->next_target - 1];
    struct relay_target target = {.watch = true, .number = c->next_target - 1};
    char uri_text[DIRECTORY_HOST + 80], param[RR_TEXT];
    struct out uri = OUT_IN(uri_text);
    if (c->answered)
        return; /* an earlier target answered late, while this one was looked up */
    if (relay_is_cancelled(c->relay)) {
        relay_give_up(c->relay, 487);
        return;
    }
    target.to = flow_to(c, t, address);
    if (target.to.listener && !t->down && health_is_down(c->core->health, &target.to)) {
        t->down = true;
        c->next_target--;
        try_next(c);
        return;
    }
    c->current = t;
    memcpy(t->place, t->host, sizeof t->place - 1);
    if (address)
        addr_port_text(address, t->place);
    if (!target.to.listener) {
        note_attempt(c, 503);
        try_next(c);
        return;
    }
    format_request_uri(t, address, target.to.listener, &uri);
    target.request_uri = out_done(&uri);
    target.rr_param = format_rr_param(c, param);
    /* A topmost Route that names us brought the request here (§16.4); others stay. */
    target.drop_routes = dialog_first_route_is_us(c->core, relay_request(c->relay));
    int err = relay_try(c->relay, &target);
    if (err != ERR_OK) {
        log_warn("call %s: not forwarded to %s: %s", c->id, t->place, err_text(err));
        refuse(c, err == ERR_TOO_LARGE ? 513 : 500, "rejected", err_text(err), 0);
    }
}

/* The Request-URI's user: a prefix, then digits. One that does not fit stays empty and fails. */
static void set_user(struct target *t, const char *prefix, const char *digits)
{
    struct out o = {.buf = t->user, .cap = sizeof t->user - 1};
    out_text(&o, prefix);
    out_text(&o, digits);
    t->user[out_done(&o).n] = '\0';
}

/* The user part for a gateway: digits cut, prefix put before. */
static void add_gateway(struct call *c, const char *name, const char *e164)
{
    const struct gateway *g = directory_gateway(c->core->directory, span_of(name));
    if (!g || !g->active || c->n_targets == TARGETS)
        return;
    struct target *t = &c->targets[c->n_targets++];
    size_t digits = strlen(e164), strip = g->strip < digits ? g->strip : digits;
    *t = (struct target){.port = g->port, .protocol = g->protocol};
    set_user(t, g->prefix, e164 + strip);
    snprintf(t->host, sizeof t->host, "%s", g->host);
    snprintf(t->gateway, sizeof t->gateway, "%s", g->name);
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
    if (err == ERR_OK)
        add_exit(c, exit, c->targets[c->next_target - 1].user);
    try_next(c);
}

/* Moves targets that are down behind those that aren't. */
static void put_down_last(struct call *c)
{
    struct target *rest = &c->targets[c->next_target];
    size_t n = c->n_targets - c->next_target;
    for (size_t i = 1; i < n && rest[0].down; i++) {
        struct target first = rest[0];
        memmove(&rest[0], &rest[1], (n - 1) * sizeof *rest);
        rest[n - 1] = first;
    }
}

/* Starts on the next target; without one the call fails with the best response. */
static void try_next(struct call *c)
{
    if (c->answered)
        return;
    if (c->next_target == c->n_targets || relay_is_cancelled(c->relay)) {
        relay_give_up(c->relay, c->attempts[0] ? 500 : 404);
        return;
    }
    put_down_last(c);
    const struct target *t = &c->targets[c->next_target++];
    if (t->forward)
        routes_exit(c->core->routes, c->account, t->user, on_forward_exit, c);
    else
        resolve_host(c->core->loop, span_of(t->host), t->port, on_resolved, c);
}

static void add_trunk_target(struct call *c, const struct admit_target *a)
{
    if (c->n_targets == TARGETS)
        return;
    struct target *t = &c->targets[c->n_targets++];
    *t = (struct target){.forward = a->kind == ADMIT_FORWARD, .port = a->port};
    if (t->forward) {
        set_user(t, "", a->host);
    } else {
        set_user(t, a->prefix, c->number);
        snprintf(t->host, sizeof t->host, "%s", a->host);
    }
}

/* ---- admission ---- */

static void ask_owner(struct call *c, bool use_cache);

static void go(struct call *c, const struct admit_answer *a)
{
    if (c->outbound)
        add_exit(c, &c->exit, c->number);
    for (size_t i = 0; !c->outbound && i < a->n_targets; i++)
        add_trunk_target(c, &a->targets[i]);
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
    snprintf(from, sizeof from, "%.*s", (int)m->from.uri.text.n, m->from.uri.text.p);
    snprintf(to, sizeof to, "%.*s", (int)m->to.uri.text.n, m->to.uri.text.p);
    snprintf(callid, sizeof callid, "%.*s", (int)m->call_id.n, m->call_id.p);
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
        snprintf(c->account, sizeof c->account, "%s", account);
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

static int hex_digit(char ch)
{
    const char *digits = "0123456789abcdef", *at = ch ? strchr(digits, ch | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The E.164 number in the Request-URI's user: escapes resolved (RFC 3261 §19.1.4), without
 * parameters inside it (";npdi"). */
static int dialled(const struct msg *m, char ret[PHONE_E164_MAX + 1])
{
    char text[USER];
    struct out o = OUT_IN(text);
    struct span user = m->uri.user, part = {0};
    (void)span_cut(&user, ';', &part);
    for (size_t i = 0; i < part.n; i++) {
        char ch = part.p[i];
        if (ch == '%' && part.n - i > 2 && hex_digit(part.p[i + 1]) >= 0 &&
            hex_digit(part.p[i + 2]) >= 0) {
            ch = (char)(hex_digit(part.p[i + 1]) << 4 | hex_digit(part.p[i + 2]));
            i += 2;
        }
        out_span(&o, (struct span){&ch, 1});
    }
    return phone_e164(out_done(&o), ret);
}

static void start_inbound(struct call *c, const struct source *source)
{
    struct phone phone;
    snprintf(c->carrier, sizeof c->carrier, "%s", source->name);
    if (dialled(relay_request(c->relay), c->number) != ERR_OK ||
        phone_parse(span_of(c->number), &phone) != ERR_OK) {
        refuse(c, 404, "unknown", "not a number in service", 0);
        return;
    }
    snprintf(c->number, sizeof c->number, "%s", phone.digits);
    ask_owner(c, true);
}

static void start_outbound(struct call *c, const struct source *source)
{
    c->outbound = true;
    snprintf(c->account, sizeof c->account, "%s", source->account);
    snprintf(c->tg, sizeof c->tg, "%s", source->tg);
    if (dialled(relay_request(c->relay), c->number) != ERR_OK) {
        refuse(c, 404, "unknown", "not an E.164 number", 0);
        return;
    }
    routes_exit(c->core->routes, c->account, c->number, on_exit_known, c);
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
    snprintf(c->id, sizeof c->id, "%.20s", hex);
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
    if (core->draining || !store_is_up(core->store))
        refuse_unavailable(c, core->draining ? "draining" : "the store can't be reached");
    else if (source->kind == SOURCE_CARRIER)
        start_inbound(c, source);
    else
        start_outbound(c, source);
}
