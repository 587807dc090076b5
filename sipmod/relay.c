#include "relay.h"

#include <stdlib.h>
#include <utlist.h>

#include "branch.h"
#include "derive.h"
#include "edit.h"
#include "log.h"
#include "num.h"
#include "session_timer.h"

/* One target that was tried. */
struct leg {
    struct leg *next;
    struct relay *relay;
    struct txn_client *client;    /* NULL: gone */
    bool given_up;                /* the next target has its turn */
    size_t number;                /* of the target */
    struct relay_target *instead; /* by UDP, if nobody takes it by TCP; of the request's arena */
    bool watched;                 /* its health is noted */
    struct flow to;
    struct timer patience; /* no answer at all; then timer C */
};

/* A 2xx on its way back that waits for its user. */
struct held {
    struct held *next;
    int status;
    size_t n;
    char bytes[];
};

struct relay {
    struct core *core;
    struct txn_server *server;
    struct flow from;
    struct relay_events events;
    void *user;
    struct leg *legs; /* latest first */
    bool cancelled, answered;
    bool disowned;     /* no 2xx goes back any more */
    struct held *held; /* 2xx that wait, oldest first */
    int failing;       /* final response that waits; 0: none */
    int best_status;   /* 0: none; 408 or 503 without bytes: on a target's behalf */
    char *best;        /* response ready to be sent back */
    size_t best_n;
};

enum { MAX_FORWARDS = 70, LINES = 1024, DATAGRAM_MAX = 1300 };

/* ---- building ---- */

static void edit_max_forwards(struct edit *e, struct span text)
{
    const struct header_line *line = msg_header(e->msg, HEADER_MAX_FORWARDS);
    if (line)
        edit_replace(e, line->value, text);
    else
        edit_append_header(e, SPAN_LIT("Max-Forwards: 70\r\n"));
}

static void edit_routes(struct edit *e, const struct relay_target *target)
{
    struct element el, last = {0};
    size_t i = 0;
    for (bool more = msg_element_first(e->msg, HEADER_ROUTE, &el); more;
         more = msg_element_next(e->msg, HEADER_ROUTE, &el)) {
        if (i++ < target->drop_routes)
            edit_remove_element(e, &el);
        else
            last = el;
    }
    if (target->drop_last_route && last.line)
        edit_remove_element(e, &last);
}

static void put_record_route(struct out *o, const struct listener *l, const char *param)
{
    out_text(o, "Record-Route: <sip:");
    out_span(o, transport_sent_by(l));
    out_text(o, transport_uri_param(l));
    out_text(o, ";lr");
    out_text(o, param);
    out_text(o, ">\r\n");
}

/* Two of them if the request leaves otherwise than it came, so that each side reaches us by what it
 * speaks: the one above is for the side that we send to (RFC 5658 §3.3). */
static void put_record_routes(struct out *o, const struct relay_target *target,
                              const struct flow *from)
{
    if (!target->rr_param)
        return;
    put_record_route(o, target->to.listener, target->rr_param);
    if (from->listener != target->to.listener)
        put_record_route(o, from->listener, target->rr_param);
}

/* Our Via on top, and what we know of the previous hop into its own (§18.2.1, RFC 3581). Record-
 * Route on top of others, or with the Via. */
static void edit_via(struct edit *e, const struct relay_target *target, const struct flow *from,
                     struct out *lines, uint64_t branch)
{
    char text[BRANCH_TEXT];
    struct derive_via_fix fixes[DERIVE_VIA_FIXES];
    const struct listener *l = target->to.listener;
    bool has_rr = msg_header(e->msg, HEADER_RECORD_ROUTE) != NULL;
    out_text(lines, "Via: SIP/2.0/");
    out_text(lines, transport_via_word(l));
    out_text(lines, " ");
    out_span(lines, transport_sent_by(l));
    out_format(lines, ";branch=%s\r\n", branch_text(branch, branch_loop_hash(e->msg), text));
    size_t via = lines->n;
    put_record_routes(lines, target, from);
    struct span all = out_done(lines);
    struct span routes = {all.p + via, all.n > via ? all.n - via : 0};
    edit_insert_before(e, HEADER_VIA, has_rr ? (struct span){all.p, via} : all);
    if (has_rr && routes.n)
        edit_insert_before(e, HEADER_RECORD_ROUTE, routes);
    size_t n = derive_via_fixes(&e->msg->via, &from->remote, fixes);
    for (size_t i = 0; i < n; i++)
        edit_replace(e, fixes[i].cut, arena_copy(e->msg->arena, span_of(fixes[i].put)));
}

/* RFC 3325 §5, and what call forwarding adds: the latest Diversion on top, the latest entry of the
 * history at its end. */
static void edit_identity(struct edit *e, const struct relay_target *target)
{
    const struct msg *m = e->msg;
    for (size_t i = 0; target->withhold_identity && i < m->n_headers; i++) {
        if (m->headers[i].id == HEADER_P_ASSERTED_IDENTITY)
            edit_remove_line(e, &m->headers[i]);
    }
    if (target->diversion.n && msg_header(m, HEADER_DIVERSION))
        edit_insert_before(e, HEADER_DIVERSION, target->diversion);
    else if (target->diversion.n)
        edit_append_header(e, target->diversion);
    if (target->history.n)
        edit_append_header(e, target->history);
}

static int build_request(struct core *core, const struct msg *request, const struct flow *from,
                         const struct relay_target *target, uint64_t branch, struct span *ret_bytes)
{
    struct edit e;
    char lines_text[LINES], hops_text[12], session[SESSION_TIMER_LINES];
    struct out lines = OUT_IN(lines_text), hops = OUT_IN(hops_text);
    out_format(&hops, "%d", request->max_forwards < 0 ? MAX_FORWARDS : request->max_forwards - 1);
    edit_start(&e, request);
    if (target->request_uri.n)
        edit_replace(&e, request->uri_text, target->request_uri);
    edit_via(&e, target, from, &lines, branch);
    edit_routes(&e, target);
    if (target->routes.n)
        edit_append_header(&e, target->routes);
    edit_identity(&e, target);
    edit_max_forwards(&e, out_done(&hops));
    session_timer_edit(&e, core->conf, session);
    int err = lines.full ? ERR_TOO_LARGE : edit_build(&e, core->bytes, CORE_BYTES, &ret_bytes->n);
    ret_bytes->p = core->bytes;
    return err;
}

/* The response without our Via, in core->bytes (§16.7 step 9). */
static int build_response(struct core *core, const struct msg *response, struct span *ret)
{
    struct edit e;
    struct element via;
    if (!msg_element_first(response, HEADER_VIA, &via))
        return ERR_INVALID;
    edit_start(&e, response);
    edit_remove_element(&e, &via);
    int err = edit_build(&e, core->bytes, CORE_BYTES, &ret->n);
    ret->p = core->bytes;
    return err;
}

/* ---- final responses ---- */

void relay_respond(struct relay *r, int status, const char *reason, struct span lines)
{
    const struct msg *request = txn_server_request(r->server);
    if (!request)
        return;
    struct out o = {.buf = r->core->bytes, .cap = CORE_BYTES};
    derive_response(&o, request, &r->from.remote, status, reason, lines);
    txn_server_send(r->server, status, out_done(&o));
}

/* §16.7 step 6: 6xx first, then the lowest class; a time-out says least of its class. */
static int rank(int status)
{
    return status >= 600 ? 0 : 2 * (status / 100) + (status == 408);
}

/* Of two equals the first that came is kept. */
static bool is_better(int status, int than)
{
    return than == 0 || rank(status) < rank(than);
}

static void keep_best(struct relay *r, int status, const struct msg *response)
{
    struct span bytes;
    if (!is_better(status, r->best_status))
        return;
    free(r->best);
    r->best = NULL;
    r->best_status = status;
    if (!response || status == 503 || build_response(r->core, response, &bytes) != ERR_OK)
        return;
    r->best = malloc(bytes.n);
    if (r->best) {
        memcpy(r->best, bytes.p, bytes.n);
        r->best_n = bytes.n;
    }
}

/* A target's 503 isn't passed on (§16.7): it would speak for all of us. */
static void send_failure(struct relay *r)
{
    int status = r->failing;
    r->failing = 0;
    bool by_target = r->best != NULL;
    if (by_target)
        txn_server_send(r->server, status, (struct span){r->best, r->best_n});
    else
        relay_respond(r, status == 503 ? 500 : status, NULL, (struct span){0});
    r->events.failed(r->user, status, by_target);
}

void relay_give_up(struct relay *r, int otherwise)
{
    int status = r->best_status ? r->best_status : otherwise;
    if (r->cancelled && !r->best)
        status = 487;
    r->failing = status;
    if (!r->events.failing || !r->events.failing(r->user, status))
        send_failure(r);
}

/* The latest leg has failed. */
static void leg_failed(struct leg *leg, int status, const struct msg *response)
{
    struct relay *r = leg->relay;
    timer_stop(r->core->wheel, &leg->patience);
    if (leg->given_up || r->answered || r->failing || txn_server_status(r->server) >= 200)
        return;
    leg->given_up = true;
    keep_best(r, status, response);
    if (!r->cancelled && r->events.refused(r->user, status))
        return;
    relay_give_up(r, status);
}

/* ---- responses ---- */

static void pass_back(struct relay *r, const struct msg *response)
{
    struct span bytes;
    int err = build_response(r->core, response, &bytes);
    if (err != ERR_OK)
        log_warn("response %d not passed back: %s", response->status, err_text(err));
    else
        txn_server_send(r->server, response->status, bytes);
}

static void on_timer_c(struct timer *timer)
{
    struct leg *leg = timer_owner(timer, struct leg, patience);
    if (leg->client)
        txn_client_cancel(leg->client); /* its time-out ends the leg if nothing comes */
}

static void leg_provisional(struct leg *leg, const struct msg *response)
{
    struct relay *r = leg->relay;
    if (response->method == METHOD_INVITE)
        timer_set(r->core->wheel, &leg->patience, (uint64_t)r->core->conf->sip.timer_c_s * 1000,
                  on_timer_c);
    if (response->status == 100 || leg->given_up || r->answered)
        return;
    pass_back(r, response);
    r->events.ringing(r->user, response);
}

/* §16.7 step 10: nobody else need ring any more. */
static void cancel_others(const struct leg *answered)
{
    struct leg *leg;
    LL_FOREACH(answered->relay->legs, leg)
    {
        if (leg == answered)
            continue;
        timer_stop(leg->relay->core->wheel, &leg->patience);
        if (leg->client)
            txn_client_cancel(leg->client);
    }
}

/* Retransmissions that come meanwhile are held too, but not many. */
static void hold_back(struct relay *r, const struct msg *response)
{
    enum { HELD_MAX = 4 };
    struct held *h;
    struct span bytes;
    int n;
    LL_COUNT(r->held, h, n);
    if (n == HELD_MAX || build_response(r->core, response, &bytes) != ERR_OK)
        return;
    h = malloc(sizeof *h + bytes.n);
    if (!h)
        return; /* it is retransmitted */
    *h = (struct held){.status = response->status, .n = bytes.n};
    memcpy(h->bytes, bytes.p, bytes.n);
    LL_APPEND(r->held, h);
}

static void drop_held(struct relay *r)
{
    struct held *h, *next;
    LL_FOREACH_SAFE(r->held, h, next)
    {
        free(h);
    }
    r->held = NULL;
}

void relay_release(struct relay *r)
{
    struct held *h;
    if (r->failing) {
        send_failure(r);
        return;
    }
    LL_FOREACH(r->held, h)
    {
        txn_server_send(r->server, h->status, (struct span){h->bytes, h->n});
    }
    drop_held(r);
}

void relay_disown(struct relay *r, int status)
{
    r->disowned = true;
    drop_held(r);
    relay_respond(r, status, NULL, (struct span){0});
}

static void leg_answered(struct leg *leg, const struct msg *response)
{
    struct relay *r = leg->relay;
    timer_stop(r->core->wheel, &leg->patience);
    r->answered = true;
    cancel_others(leg);
    bool hold = r->events.answered(r->user, response, leg->number);
    if (hold && !r->disowned)
        hold_back(r, response);
    else if (!r->disowned)
        pass_back(r, response);
}

static void on_response(void *user, const struct msg *response)
{
    struct leg *leg = user;
    if (leg->watched)
        health_heard(leg->relay->core->health, &leg->to, response);
    if (response->status < 200)
        leg_provisional(leg, response);
    else if (response->status < 300)
        leg_answered(leg, response);
    else
        leg_failed(leg, response->status, response);
}

static int start_leg(struct relay *r, const struct relay_target *target,
                     struct relay_target *instead, uint64_t branch, struct span bytes);

/* Nobody listens to TCP there: the same target by UDP after all. */
static bool try_instead(struct leg *leg)
{
    struct relay *r = leg->relay;
    const struct msg *request = relay_request(r);
    uint64_t branch = branch_new_id();
    struct span bytes;
    if (!leg->instead || !request || leg->given_up || r->answered || r->cancelled)
        return false;
    if (build_request(r->core, request, &r->from, leg->instead, branch, &bytes) != ERR_OK ||
        start_leg(r, leg->instead, NULL, branch, bytes) != ERR_OK)
        return false;
    leg->given_up = true;
    timer_stop(r->core->wheel, &leg->patience);
    return true;
}

/* Once for each leg; who was not let answer has not failed. */
static void note_failure(const struct leg *leg)
{
    const struct relay *r = leg->relay;
    if (leg->watched && !leg->given_up && !r->cancelled && !r->answered)
        health_failed(r->core->health, &leg->to);
}

static void on_failed(void *user, int err)
{
    struct leg *leg = user;
    leg->client = NULL;
    if (err == ERR_UNAVAILABLE && try_instead(leg))
        return;
    /* A datagram that comes back at once costs the next caller nothing: no reason to wait for a
     * probe before the target is tried again. */
    if (err != ERR_UNAVAILABLE || transport_protocol(leg->to.listener) != PROTOCOL_UDP)
        note_failure(leg);
    leg_failed(leg, err == ERR_UNAVAILABLE ? 503 : 408, NULL);
}

static void on_client_ended(void *user)
{
    struct leg *leg = user;
    leg->client = NULL;
}

/* Nothing came from the target in the configured time. A response that comes after all is
 * cancelled, or if it is a 2xx passed back. */
static void on_no_answer(struct timer *timer)
{
    struct leg *leg = timer_owner(timer, struct leg, patience);
    if (leg->client)
        txn_client_cancel(leg->client);
    note_failure(leg);
    leg_failed(leg, 408, NULL);
}

/* ---- life ---- */

static void on_server_ended(void *user)
{
    struct relay *r = user;
    struct leg *leg, *next;
    LL_FOREACH_SAFE(r->legs, leg, next)
    {
        timer_stop(r->core->wheel, &leg->patience);
        txn_client_detach(leg->client);
        free(leg);
    }
    if (r->events.ended)
        r->events.ended(r->user);
    drop_held(r);
    free(r->best);
    free(r);
}

int relay_new(struct relay **ret, struct core *core, struct txn_server *server,
              const struct flow *from, const struct relay_events *events, void *user)
{
    struct relay *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->core = core;
    r->server = server;
    r->from = *from;
    r->events = *events;
    r->user = user;
    txn_server_set_user(server, r, on_server_ended);
    *ret = r;
    return ERR_OK;
}

struct relay *relay_of(const struct txn_server *server)
{
    return txn_server_user(server);
}

void *relay_user(const struct relay *r)
{
    return r->user;
}

const struct msg *relay_request(const struct relay *r)
{
    return txn_server_request(r->server);
}

static int start_leg(struct relay *r, const struct relay_target *target,
                     struct relay_target *instead, uint64_t branch, struct span bytes)
{
    static const struct txn_client_events events = {on_response, on_failed, on_client_ended};
    const struct msg *request = relay_request(r);
    struct leg *leg = calloc(1, sizeof *leg);
    if (!leg)
        return ERR_NOMEM;
    leg->relay = r;
    leg->number = target->number;
    leg->instead = instead;
    leg->watched = target->watch;
    leg->to = target->to;
    LL_PREPEND(r->legs, leg);
    int err = txn_client_new(r->core->txns, branch, request->method, &target->to, bytes, &events,
                             leg, &leg->client);
    if (err != ERR_OK) {
        LL_DELETE(r->legs, leg);
        free(leg);
        return err;
    }
    /* Inside a dialog there is no other target to go to: timer B decides. */
    if (request->method == METHOD_INVITE && request->to.tag.n == 0)
        timer_set(r->core->wheel, &leg->patience, (uint64_t)r->core->conf->sip.no_answer_ms,
                  on_no_answer);
    return ERR_OK;
}

/* The target once more, in the request's memory. */
static struct relay_target *keep_target(const struct msg *request,
                                        const struct relay_target *target)
{
    struct relay_target *copy = arena_alloc(request->arena, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *target;
    copy->request_uri = arena_copy(request->arena, target->request_uri);
    copy->routes = arena_copy(request->arena, target->routes);
    copy->diversion = arena_copy(request->arena, target->diversion);
    copy->history = arena_copy(request->arena, target->history);
    if (target->rr_param) {
        struct span param = {target->rr_param, strlen(target->rr_param) + 1};
        copy->rr_param = arena_copy(request->arena, param).p;
    }
    return copy;
}

/* TCP for what is too long for a datagram (§18.1.1). False: it stays as it is. */
static bool take_tcp(struct core *core, const struct flow *from, struct relay_target *target,
                     size_t n)
{
    struct listener *tcp = NULL;
    if (n > DATAGRAM_MAX && !core->conf->sip.udp_only &&
        transport_protocol(target->to.listener) == PROTOCOL_UDP)
        tcp = transport_listener_for(core->transport, PROTOCOL_TCP, &target->to.remote,
                                     from->listener);
    if (tcp)
        target->to.listener = tcp;
    return tcp != NULL;
}

int relay_try(struct relay *r, const struct relay_target *target)
{
    const struct msg *request = relay_request(r);
    struct relay_target by_tcp, *instead = NULL;
    uint64_t branch = branch_new_id();
    struct span bytes;
    if (!request)
        return ERR_INVALID;
    int err = build_request(r->core, request, &r->from, target, branch, &bytes);
    by_tcp = *target;
    if (err == ERR_OK && take_tcp(r->core, &r->from, &by_tcp, bytes.n) &&
        (instead = keep_target(request, target)) != NULL) {
        target = &by_tcp;
        err = build_request(r->core, request, &r->from, target, branch, &bytes);
    }
    return err == ERR_OK ? start_leg(r, target, instead, branch, bytes) : err;
}

void relay_cancel(struct relay *r)
{
    if (txn_server_status(r->server) >= 200)
        return;
    r->cancelled = true;
    if (r->legs && r->legs->client)
        txn_client_cancel(r->legs->client);
}

bool relay_is_cancelled(const struct relay *r)
{
    return r->cancelled;
}

int relay_build_ack(struct core *core, const struct msg *ack, const struct flow *from,
                    struct relay_target *target, struct span *ret_bytes)
{
    uint64_t branch = branch_new_id();
    struct relay_target by_tcp = *target;
    int err = build_request(core, ack, from, target, branch, ret_bytes);
    if (err != ERR_OK || !take_tcp(core, from, &by_tcp, ret_bytes->n) ||
        !transport_is_connected(&by_tcp.to))
        return err;
    *target = by_tcp;
    return build_request(core, ack, from, target, branch, ret_bytes);
}
