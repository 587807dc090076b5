#include "relay.h"

#include <stdlib.h>
#include <utlist.h>

#include "branch.h"
#include "derive.h"
#include "forward.h"
#include "hangup.h"
#include "log.h"

/* One target that was tried. */
struct leg {
    struct leg *next;
    struct relay *relay;
    struct txn_client *client;    /* NULL: gone */
    bool given_up;                /* the next target has its turn */
    size_t number;                /* of the target */
    struct relay_target *instead; /* by UDP, if nobody takes it by TCP; of the request's arena */
    bool watched;                 /* its health is noted */
    bool initial;                 /* its 2xx makes a dialog */
    unsigned strays;              /* dialogs of it that were ended */
    uint32_t stray;               /* hash of the latest one's tag */
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
    const struct leg *chosen; /* the call is up with this one */
    uint32_t chosen_tag;      /* hash of the callee's */
    bool disowned;            /* no 2xx goes back any more */
    struct held *held;        /* 2xx that wait, oldest first */
    int failing;              /* final response that waits; 0: none */
    int best_status;          /* 0: none; 408 or 503 without bytes: on a target's behalf */
    char *best;               /* response ready to be sent back */
    size_t best_n;
    struct forwarded forwarded; /* its From is from_value */
    char *from_value;           /* NULL: it went on as it came */
};

enum { DATAGRAM_MAX = 1300 };

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
    if (!response || status == 503 ||
        forward_response(r->core, response, &r->forwarded, &bytes) != ERR_OK)
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
    int err = forward_response(r->core, response, &r->forwarded, &bytes);
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
    if (n == HELD_MAX || forward_response(r->core, response, &r->forwarded, &bytes) != ERR_OK)
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

/* Whether a 2xx makes a dialog that no call stands for: the caller was told of a failure, or has
 * another callee. */
static bool is_stray(const struct leg *leg, uint32_t tag)
{
    const struct relay *r = leg->relay;
    if (!leg->initial)
        return false;
    return r->disowned || r->failing || txn_server_status(r->server) >= 300 ||
           (r->chosen && (r->chosen != leg || r->chosen_tag != tag));
}

static void end_stray(struct leg *leg, const struct msg *response, uint32_t tag)
{
    enum { STRAYS_MAX = 4 };
    bool first = leg->strays == 0 || leg->stray != tag;
    if (first && leg->strays++ == STRAYS_MAX)
        log_warn("a target answers one INVITE by ever more dialogs");
    if (leg->strays > STRAYS_MAX)
        return;
    leg->stray = tag;
    hangup_stray(leg->relay->core, response, first);
}

static void leg_answered(struct leg *leg, const struct msg *response)
{
    struct relay *r = leg->relay;
    uint32_t tag = rr_tag_hash(response->to.tag);
    timer_stop(r->core->wheel, &leg->patience);
    if (is_stray(leg, tag)) {
        end_stray(leg, response, tag);
        return;
    }
    r->answered = true;
    r->chosen = leg;
    r->chosen_tag = tag;
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

static int keep_from(struct relay *r, struct span from)
{
    char *copy = malloc(from.n);
    if (!copy)
        return ERR_NOMEM;
    memcpy(copy, from.p, from.n);
    r->forwarded.from = (struct span){r->from_value = copy, from.n};
    return ERR_OK;
}

/* The request for a target. What its responses need outlives it. */
static int build(struct relay *r, const struct relay_target *target, uint64_t branch,
                 struct span *ret_bytes)
{
    struct forwarded f;
    int err = forward_request(r->core, relay_request(r), &r->from, target, branch, &f, ret_bytes);
    if (err != ERR_OK)
        return err;
    r->forwarded.session = f.session;
    return f.from.n && !r->from_value ? keep_from(r, f.from) : ERR_OK;
}

/* Nobody listens to TCP there: the same target by UDP after all. */
static bool try_instead(struct leg *leg)
{
    struct relay *r = leg->relay;
    const struct msg *request = relay_request(r);
    uint64_t branch = branch_new_id();
    struct span bytes;
    if (!leg->instead || !request || leg->given_up || r->answered || r->cancelled)
        return false;
    if (build(r, leg->instead, branch, &bytes) != ERR_OK ||
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

static void on_stray(void *user, const struct msg *response, bool again)
{
    hangup_stray(user, response, !again);
}

static void on_server_ended(void *user)
{
    struct relay *r = user;
    struct leg *leg, *next;
    LL_FOREACH_SAFE(r->legs, leg, next)
    {
        timer_stop(r->core->wheel, &leg->patience);
        bool taken = r->chosen == leg && !r->disowned;
        if (leg->initial && !taken)
            txn_client_abandon(leg->client, on_stray, r->core);
        else
            txn_client_detach(leg->client);
        free(leg);
    }
    if (r->events.ended)
        r->events.ended(r->user);
    drop_held(r);
    free(r->from_value);
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
    leg->initial = request->method == METHOD_INVITE && request->to.tag.n == 0;
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
    if (leg->initial)
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
    copy->display = arena_copy(request->arena, target->display);
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
    int err = build(r, target, branch, &bytes);
    by_tcp = *target;
    if (err == ERR_OK && take_tcp(r->core, &r->from, &by_tcp, bytes.n) &&
        (instead = keep_target(request, target)) != NULL) {
        target = &by_tcp;
        err = build(r, target, branch, &bytes);
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

int64_t relay_session_s(const struct relay *r, const struct msg *response)
{
    return session_timer_agreed(response, &r->forwarded.session);
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
    struct forwarded none;
    int err = forward_request(core, ack, from, target, branch, &none, ret_bytes);
    if (err != ERR_OK || !take_tcp(core, from, &by_tcp, ret_bytes->n) ||
        !transport_is_connected(&by_tcp.to))
        return err;
    *target = by_tcp;
    return forward_request(core, ack, from, target, branch, &none, ret_bytes);
}
