#include "dialog.h"

#include <stdlib.h>

#include "hop.h"
#include "lease.h"
#include "log.h"
#include "relay.h"

/* ---- routing ---- */

static int first_route(const struct msg *m, struct element *el, struct name_addr *ret)
{
    if (!msg_element_first(m, HEADER_ROUTE, el))
        return ERR_NOT_FOUND;
    return msg_read_name_addr(m, el->text, ret);
}

bool dialog_first_route_is_us(const struct core *core, const struct msg *m)
{
    struct element el;
    struct name_addr route;
    return first_route(m, &el, &route) == ERR_OK &&
           transport_is_us(core->transport, route.uri.host, route.uri.port);
}

/* The Route at `index` from the top; negative: the last. ERR_NOT_FOUND. */
static int route_at(const struct msg *m, int index, struct name_addr *ret)
{
    struct element el, found = {0};
    int i = 0;
    for (bool more = msg_element_first(m, HEADER_ROUTE, &el); more;
         more = msg_element_next(m, HEADER_ROUTE, &el), i++) {
        if (index < 0 || i == index)
            found = el;
    }
    return found.line ? msg_read_name_addr(m, found.text, ret) : ERR_NOT_FOUND;
}

/* A URI of our Record-Route without transport parameter is that of UDP. */
static struct listener *own_listener(struct core *core, const struct uri *u)
{
    enum protocol p = hop_protocol(u);
    return transport_listener_at(core->transport, p == PROTOCOL_ANY ? PROTOCOL_UDP : p, u->host,
                                 u->port);
}

/* The Route at `index` if it is our other Record-Route of the same call (RFC 5658), which we put
 * there where the request leaves otherwise than it came. */
static bool is_second_route(struct core *core, const struct msg *m, int index,
                            struct dialog_route *d)
{
    struct name_addr route;
    struct rr rr;
    if (route_at(m, index, &route) != ERR_OK ||
        !transport_is_us(core->transport, route.uri.host, route.uri.port) ||
        rr_read(route.uri.params, store_mac_key(core->store), &rr) != ERR_OK ||
        strcmp(rr.bookings[0].call, d->rr.bookings[0].call) != 0 ||
        strcmp(rr.bookings[0].account, d->rr.bookings[0].account) != 0)
        return false;
    d->listener = own_listener(core, &route.uri);
    return true;
}

/* §16.4: a strict router before us put our Record-Route URI into the Request-URI and the remote
 * target at the end of Route. */
static int read_strict(struct core *core, const struct msg *m, struct dialog_route *d)
{
    struct name_addr last, first;
    int err = route_at(m, -1, &last);
    if (err == ERR_NOT_FOUND)
        return ERR_NOT_FOUND;
    if (err != ERR_OK)
        return ERR_INVALID;
    d->listener = own_listener(core, &m->uri);
    d->drop_routes = is_second_route(core, m, 0, d);
    d->request_uri = last.uri.text;
    d->drop_last_route = true;
    d->next_hop = last.uri;
    err = route_at(m, (int)d->drop_routes, &first);
    if (err == ERR_OK && first.uri.text.p != last.uri.text.p)
        d->next_hop = first.uri;
    return err;
}

static int read_loose(struct core *core, const struct msg *m, const struct uri *own,
                      struct dialog_route *d)
{
    struct name_addr next;
    d->listener = own_listener(core, own);
    d->drop_routes = is_second_route(core, m, 1, d) ? 2 : 1;
    int err = route_at(m, (int)d->drop_routes, &next);
    d->next_hop = err == ERR_OK ? next.uri : m->uri;
    return err == ERR_INVALID ? ERR_INVALID : ERR_OK;
}

/* A peer that ignores Record-Route sends to the address that it called: the dialog tells where to.
 */
static int read_routeless(struct core *core, const struct msg *m, struct dialog_route *d)
{
    struct dialogs_found f;
    if (m->to.tag.n == 0 || dialogs_find(core->dialogs, m, &f) != ERR_OK)
        return ERR_NOT_FOUND;
    d->rr = f.rr;
    d->request_uri = f.target;
    d->routes = f.routes;
    return msg_read_uri(m, f.next, &d->next_hop);
}

int dialog_read(struct core *core, const struct msg *m, struct dialog_route *ret)
{
    struct dialog_route d = {0};
    struct name_addr route;
    const struct mac_key *key = store_mac_key(core->store);
    int err;
    if (!key)
        return ERR_NOT_FOUND;
    if (transport_is_us(core->transport, m->uri.host, m->uri.port) &&
        rr_read(m->uri.params, key, &d.rr) == ERR_OK) {
        err = read_strict(core, m, &d);
    } else {
        err = route_at(m, 0, &route);
        if (err == ERR_OK)
            err = rr_read(route.uri.params, key, &d.rr) == ERR_OK
                      ? read_loose(core, m, &route.uri, &d)
                      : ERR_NOT_FOUND;
        else if (err == ERR_NOT_FOUND)
            err = read_routeless(core, m, &d);
    }
    if (err == ERR_OK)
        *ret = d;
    return err;
}

/* What forwarding does whatever the method. */
static struct relay_target target_of(const struct core *core, const struct msg *m,
                                     const struct dialog_route *d)
{
    return (struct relay_target){.display = dialogs_display(core->dialogs, m),
                                 .drop_routes = d->drop_routes,
                                 .drop_last_route = d->drop_last_route,
                                 .request_uri = d->request_uri,
                                 .routes = d->routes};
}

/* ---- requests with a transaction ---- */

struct transit {
    struct core *core;
    struct relay *relay;
    struct flow from;
    struct dialog_route route;
    struct hop hop; /* the other side */
    size_t tried;   /* ways there */
    bool timed;     /* INVITE or UPDATE: its 2xx sets the session timer */
    bool bye, by_caller, waiting, gone;
    char *contact;     /* of a request that may move its sender, or NULL */
    size_t unfinished; /* bookings of whose end neither Redis nor the disk knows yet */
    bool held;         /* the BYE's response waits for that */
};

static void on_finished(void *arg, bool live)
{
    struct transit *t = arg;
    (void)live;
    if (--t->unfinished > 0 || !t->held)
        return;
    t->held = false;
    relay_release(t->relay);
}

/* The BYE's response goes back once the end is safe: if we die before, the BYE comes again. True:
 * it must wait. */
static bool finish_call(struct transit *t)
{
    struct outbox_event end = {.code = 200,
                               .reason = "answered",
                               .by = t->by_caller ? "caller" : "callee",
                               .target = "",
                               .attempts = "",
                               .upstream = ""};
    const struct rr *rr = &t->route.rr;
    t->unfinished = rr->n_bookings;
    for (size_t i = 0; i < rr->n_bookings; i++)
        outbox_finish(t->core->outbox, rr->bookings[i].account, rr->bookings[i].call, &end,
                      on_finished, t);
    lease_end(t->core, rr);
    meter_ended(t->core->meter, dialogs_end(t->core->dialogs, rr->bookings[0].call));
    t->held = t->unfinished > 0;
    return t->held;
}

static void on_ringing(void *user, const struct msg *response)
{
    (void)user;
    (void)response;
}

static bool on_answered(void *user, const struct msg *response, size_t number)
{
    struct transit *t = user;
    (void)number;
    if (t->bye)
        return finish_call(t);
    if (t->contact)
        dialogs_refresh(t->core->dialogs, response, t->contact);
    if (t->timed)
        dialogs_session(t->core->dialogs, response, relay_session_s(t->relay, response));
    return false;
}

/* The next way to the other side has its turn. False: there is none. */
static bool try_next(struct transit *t)
{
    const struct msg *request = relay_request(t->relay);
    if (!request || t->tried == t->hop.n)
        return false;
    struct relay_target target = target_of(t->core, request, &t->route);
    target.to = t->hop.flows[t->tried++];
    return relay_try(t->relay, &target) == ERR_OK;
}

static bool on_refused(void *user, int status)
{
    return (status == 408 || status == 503) && try_next(user);
}

/* A BYE ends the call even if the other side is gone or knows no such dialog (§15.1.1); a challenge
 * asks for another BYE. */
static bool on_failing(void *user, int status)
{
    struct transit *t = user;
    return t->bye && status != 401 && status != 407 && finish_call(t);
}

static void on_failed(void *user, int status, bool by_target)
{
    (void)user;
    (void)status;
    (void)by_target;
}

static void transit_free(struct transit *t)
{
    free(t->contact);
    free(t);
}

static void on_ended(void *user)
{
    struct transit *t = user;
    if (t->held)
        outbox_forget(t->core->outbox, t);
    if (t->waiting)
        t->gone = true; /* on_hop frees it */
    else
        transit_free(t);
}

static void on_hop(void *arg, const struct hop *hop)
{
    struct transit *t = arg;
    t->waiting = false;
    if (t->gone) {
        transit_free(t);
        return;
    }
    t->hop = *hop;
    if (relay_is_cancelled(t->relay))
        relay_give_up(t->relay, 487);
    else if (!try_next(t))
        relay_give_up(t->relay, 500);
}

void dialog_start(struct core *core, struct txn_server *server, const struct flow *from,
                  const struct dialog_route *route)
{
    static const struct relay_events events = {on_ringing, on_answered, on_refused,
                                               on_failing, on_failed,   on_ended};
    struct transit *t = calloc(1, sizeof *t);
    if (!t)
        return; /* the request is retransmitted */
    t->core = core;
    t->from = *from;
    t->route = *route;
    if (relay_new(&t->relay, core, server, from, &events, t) != ERR_OK) {
        free(t);
        return;
    }
    const struct msg *request = relay_request(t->relay);
    t->bye = request->method == METHOD_BYE &&
             !dialogs_is_other(core->dialogs, route->rr.bookings[0].call, request);
    t->timed = request->method == METHOD_INVITE || request->method == METHOD_UPDATE;
    if (t->timed)
        t->contact = dialogs_contact(request);
    dialogs_seen(core->dialogs, request);
    t->by_caller = rr_tag_hash(request->from.tag) == route->rr.caller;
    if (request->method == METHOD_INVITE)
        relay_respond(t->relay, 100, NULL, (struct span){0});
    t->waiting = true;
    hop_find(core, &route->next_hop, route->listener ? route->listener : from->listener, on_hop, t);
}

/* ---- ACK ---- */

struct ack {
    struct core *core;
    struct msg *msg;
    struct flow from;
    struct dialog_route route;
};

static void on_ack_hop(void *arg, const struct hop *hop)
{
    struct ack *a = arg;
    struct relay_target target = target_of(a->core, a->msg, &a->route);
    struct span bytes;
    target.to = hop->flows[0];
    if (hop->n && relay_build_ack(a->core, a->msg, &a->from, &target, &bytes) == ERR_OK)
        (void)transport_send(&target.to, bytes);
    msg_free(a->msg);
    free(a);
}

void dialog_ack(struct core *core, struct msg *msg, const struct flow *from,
                const struct dialog_route *route)
{
    struct ack *a = malloc(sizeof *a);
    if (!a) {
        msg_free(msg);
        return;
    }
    *a = (struct ack){core, msg, *from, *route};
    hop_find(core, &route->next_hop, route->listener ? route->listener : from->listener, on_ack_hop,
             a);
}
