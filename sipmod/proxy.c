#include "proxy.h"

#include <stdio.h>
#include <stdlib.h>

#include "branch.h"
#include "call.h"
#include "dialog.h"
#include "guard.h"
#include "hangup.h"
#include "lengthen.h"
#include "log.h"
#include "out.h"
#include "refusal.h"
#include "relay.h"
#include "stateless.h"
#include "unfit.h"

enum { HOUSEKEEPING_MS = 100, RESYNC_MS = 30000 };

struct proxy {
    struct core core;
    struct proxy_events events;
    struct guard *guard;
    uint64_t ticked_ms, lag_ms; /* of the housekeeping */
    uv_timer_t housekeeping;
    uint64_t synced_ms;
    bool synced, ready, drained;
};

/* ---- responses of our own, without a transaction ---- */

static void respond(struct proxy *p, const struct msg *request, const struct flow *from, int status,
                    const char *reason, struct span lines)
{
    stateless_respond(&p->core, request, from, status, reason, lines, CORE_BYTES);
}

static void respond_plain(struct proxy *p, const struct msg *request, const struct flow *from,
                          int status)
{
    respond(p, request, from, status, NULL, (struct span){0});
}

/* ---- requests ---- */

static bool is_listed(const struct proxy *p, const struct flow *from)
{
    return directory_source(p->core.directory, &from->remote) ||
           edges_hold(p->core.edges, &from->remote);
}

static bool is_to_us(const struct proxy *p, const struct msg *m)
{
    return m->uri.user.n == 0 && transport_is_us(p->core.transport, m->uri.host, m->uri.port);
}

/* An edge asks for itself. */
static bool is_probe(const struct proxy *p, const struct msg *m, const struct flow *from)
{
    return m->method == METHOD_OPTIONS && is_to_us(p, m) &&
           edges_hold(p->core.edges, &from->remote);
}

/* OPTIONS to ourselves: how dispatchers ask whether we take calls. */
static void answer_options(struct proxy *p, const struct msg *m, const struct flow *from)
{
    char lines[REFUSAL_LINES];
    bool open = !p->core.draining && p->ready && store_is_up(p->core.store);
    if (open)
        respond(p, m, from, 200, NULL,
                SPAN_LIT("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, "
                         "NOTIFY, MESSAGE\r\nAccept: application/sdp\r\n"));
    else
        respond(p, m, from, 503, NULL,
                refusal_lines(503, "overload", p->core.draining ? "draining" : NULL,
                              p->core.conf->sip.retry_after_s, lines));
}

/* How late the housekeeping was, or is. */
static uint64_t lag(const struct proxy *p)
{
    uint64_t now = uv_now(p->core.loop), due = p->ticked_ms + HOUSEKEEPING_MS;
    return now > due ? now - due : 0;
}

static const char *overload(const struct proxy *p)
{
    uint64_t backlog = transport_backlog_ms(p->core.transport), late = lag(p);
    late = late > p->lag_ms ? late : p->lag_ms;
    struct guard_load load = {.transactions = txn_table_counts(p->core.txns).pending,
                              .admissions = p->core.admissions,
                              .lag_ms = late > backlog ? late : backlog};
    return guard_overload(p->guard, &load);
}

/* A new call beyond what its source may place, or what we can carry: 503 without a transaction, and
 * again to each copy of it. */
static bool refuse_overload(struct proxy *p, const struct msg *m, const struct flow *from,
                            const struct addr *origin)
{
    char lines[REFUSAL_LINES];
    uint64_t now = uv_now(p->core.loop), request = branch_request_hash(m);
    bool again = guard_was_refused(p->guard, request, now);
    const char *why = again ? "too busy" : overload(p);
    if (!again && !guard_take(p->guard, GUARD_INVITE, origin, now))
        why = "too many calls a second from this source";
    if (!why)
        return false;
    guard_refuse(p->guard, request, now);
    meter_shed(p->core.meter);
    respond(p, m, from, 503, NULL,
            refusal_lines(503, "overload", why, p->core.conf->sip.retry_after_s, lines));
    return true;
}

/* Opens the transaction; frees the message on failure. NULL: the request will come again. */
static struct txn_server *open_server(struct proxy *p, struct msg *m, const struct flow *from)
{
    struct txn_server *server;
    struct flow to = stateless_flow(from, &m->via);
    int err = txn_server_new(p->core.txns, m, &to, &server);
    if (err == ERR_OK)
        return server;
    log_warn("request dropped: %s", err_text(err));
    msg_free(m);
    return NULL;
}

/* A request outside of any dialog. Takes the message. */
static void receive_initial(struct proxy *p, struct msg *m, const struct flow *from,
                            const struct addr *origin, const struct source *source)
{
    if (m->method == METHOD_OPTIONS && is_to_us(p, m)) {
        answer_options(p, m, from);
    } else if (m->to.tag.n) {
        respond_plain(p, m, from, 481);
    } else if (m->method != METHOD_INVITE) {
        respond(p, m, from, 405, NULL, SPAN_LIT("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"));
    } else if (!refuse_overload(p, m, from, origin)) {
        struct txn_server *server = open_server(p, m, from);
        if (server)
            call_start(&p->core, server, from, origin, source);
        return;
    }
    msg_free(m);
}

static void receive_in_dialog(struct proxy *p, struct msg *m, const struct flow *from,
                              const struct dialog_route *route)
{
    struct txn_server *server = open_server(p, m, from);
    if (server)
        dialog_start(&p->core, server, from, route);
}

/* Not listed: silence, or where configured 403, no larger than what it answers and not often, so
 * that nobody can aim us at others. An edge hears that whom it asked for isn't listed. */
static void receive_stranger(struct proxy *p, struct msg *m, const struct flow *from)
{
    meter_drop(p->core.meter, METER_STRANGER);
    if (edges_hold(p->core.edges, &from->remote) ||
        (p->core.conf->sip.unknown_source_403 &&
         guard_take(p->guard, GUARD_REPLY, &from->remote, uv_now(p->core.loop))))
        stateless_respond(&p->core, m, from, 403, NULL, (struct span){0}, m->raw.n);
    msg_free(m);
}

static void receive_cancel(struct proxy *p, struct msg *m, const struct flow *from)
{
    struct txn_server *invite = txn_server_find(p->core.txns, m);
    if (!invite && !is_listed(p, from)) {
        receive_stranger(p, m, from);
        return;
    }
    respond_plain(p, m, from, invite ? 200 : 481);
    if (invite)
        relay_cancel(relay_of(invite));
    msg_free(m);
}

/* A request that opens no transaction of its own or repeats one. False: it is new. */
static bool receive_known(struct proxy *p, struct msg *m, const struct flow *from)
{
    struct txn_server *server = txn_server_find(p->core.txns, m);
    if (m->method == METHOD_CANCEL) {
        receive_cancel(p, m, from);
        return true;
    }
    if (!server)
        return false;
    if (m->method == METHOD_ACK)
        txn_server_acked(server);
    else
        txn_server_repeated(server);
    msg_free(m);
    return true;
}

/* Takes the message. */
static void receive_request(struct proxy *p, struct msg *m, const struct flow *from)
{
    struct dialog_route route;
    struct addr origin;
    bool named = edges_origin(p->core.edges, m, &from->remote, &origin) == ERR_OK;
    const struct source *source = named ? directory_source(p->core.directory, &origin) : NULL;
    meter_request(p->core.meter, m->method);
    if (receive_known(p, m, from))
        return;
    int err = dialog_read(&p->core, m, &route);
    if (!source && err != ERR_OK && !is_probe(p, m, from)) {
        receive_stranger(p, m, from);
    } else if (unfit_refused(&p->core, m, from)) {
        msg_free(m);
    } else if (err == ERR_OK && m->method == METHOD_ACK) {
        dialog_ack(&p->core, m, from, &route);
    } else if (err == ERR_OK) {
        receive_in_dialog(p, m, from, &route);
    } else if (m->method == METHOD_ACK) {
        msg_free(m);
    } else {
        receive_initial(p, m, from, &origin, source);
    }
}

/* ---- arrival ---- */

/* A stranger's datagram is worth understanding only if it may belong to a call of ours, or is to be
 * refused aloud. */
static bool is_worth_parsing(const struct proxy *p, const struct flow *from, struct span bytes)
{
    uint64_t id;
    return is_listed(p, from) || branch_in_head(bytes, &id) || rr_in_head(bytes) ||
           p->core.conf->sip.unknown_source_403;
}

static void on_fault(struct proxy *p, const struct flow *from, const struct msg_fault *fault,
                     struct msg *reply_to)
{
    meter_fault(p->core.meter, fault->kind);
    if (reply_to && fault->status && is_listed(p, from)) {
        char reason[96];
        struct out o = OUT_IN(reason);
        out_format(&o, "%s", fault->status == 400 ? fault->text : msg_reason(fault->status));
        out_span(&o, (struct span){"", 1});
        respond(p, reply_to, from, fault->status, reason, (struct span){0});
    }
    msg_free(reply_to);
}

static void on_response(struct proxy *p, struct msg *m)
{
    meter_response(p->core.meter, m->status);
    if (!txn_client_receive(p->core.txns, m))
        meter_drop(p->core.meter, METER_STRAY_RESPONSE);
    msg_free(m);
}

static bool on_message(void *arg, const struct flow *from, struct span bytes)
{
    struct proxy *p = arg;
    struct msg *m, *reply_to;
    struct msg_fault fault;
    if (span_trim(bytes).n == 0)
        return true; /* keep-alive (RFC 5626 §3.5.1) */
    if (!is_worth_parsing(p, from, bytes)) {
        meter_drop(p->core.meter, METER_STRANGER);
        return false;
    }
    if (!guard_take(p->guard, GUARD_MESSAGE, &from->remote, uv_now(p->core.loop))) {
        meter_drop(p->core.meter, METER_THROTTLED);
        return true;
    }
    if (msg_parse(bytes, &m, &fault, &reply_to) != ERR_OK) {
        on_fault(p, from, &fault, reply_to);
        return is_listed(p, from);
    }
    if (m->is_request)
        receive_request(p, m, from);
    else
        on_response(p, m);
    return true;
}

/* What came of the message is enough for a response, perhaps. */
static void on_malformed(void *arg, const struct flow *from, struct span head, int status,
                         const char *text)
{
    struct proxy *p = arg;
    struct msg *m = NULL, *reply_to = NULL;
    struct msg_fault fault = {.status = status, .text = text, .kind = "framing"}, other;
    if (!is_worth_parsing(p, from, head)) {
        meter_drop(p->core.meter, METER_STRANGER);
        return;
    }
    if (msg_parse(head, &m, &other, &reply_to) == ERR_OK && m->is_request)
        on_fault(p, from, &fault, m);
    else if (m)
        msg_free(m);
    else
        on_fault(p, from, &fault, reply_to);
}

static void on_undeliverable(void *arg, const struct addr *to, struct span head)
{
    struct proxy *p = arg;
    uint64_t id;
    (void)to;
    if (branch_in_head(head, &id))
        txn_client_undeliverable(p->core.txns, id);
}

/* The caller's connection is gone and can't be made anew. */
static void on_lost(struct txn_server *server)
{
    relay_cancel(relay_of(server));
}

static void on_disconnected(void *arg, uint64_t connection)
{
    struct proxy *p = arg;
    txn_disconnected(p->core.txns, connection, on_lost);
}

/* ---- store ---- */

/* Answers of an earlier start come before this one is registered, which ends what is unanswered. */
static void on_linked(void *arg)
{
    struct proxy *p = arg;
    outbox_resume(p->core.outbox);
    if (!outbox_is_replaying(p->core.outbox))
        store_register(p->core.store);
}

static void on_replayed(void *arg)
{
    struct proxy *p = arg;
    store_register(p->core.store);
}

static void on_store(void *arg, bool up)
{
    struct proxy *p = arg;
    routes_forget(p->core.routes);
    if (!up)
        return;
    log_info("Redis is up");
    directory_refresh_source(p->core.directory, (struct span){0});
    directory_refresh_gateway(p->core.directory, (struct span){0});
}

static void on_source_changed(void *arg, struct span address)
{
    struct proxy *p = arg;
    if (store_is_up(p->core.store))
        directory_refresh_source(p->core.directory, address);
}

static void on_gateway_changed(void *arg, struct span name)
{
    struct proxy *p = arg;
    if (store_is_up(p->core.store))
        directory_refresh_gateway(p->core.directory, name);
}

static void on_kill(void *arg, struct span call)
{
    struct proxy *p = arg;
    char id[RR_CALL], reason[24];
    struct span first;
    if (!span_cut(&call, ' ', &first) || !span_copy(first, id, sizeof id) ||
        !span_copy(call.n ? call : SPAN_LIT("killed"), reason, sizeof reason))
        return;
    if (hangup_call(&p->core, id, reason))
        log_info("call %s ended: %s", id, reason);
}

static void on_expired(void *arg, const char *call, const char *reason)
{
    struct proxy *p = arg;
    if (strcmp(reason, "longest") == 0)
        lengthen_call(&p->core, call);
    else
        (void)hangup_call(&p->core, call, reason);
}

static void on_synced(void *arg)
{
    struct proxy *p = arg;
    p->synced_ms = uv_now(p->core.loop);
    if (p->ready)
        return;
    p->ready = true;
    p->events.ready(p->events.arg);
}

/* ---- life ---- */

static bool is_idle(const struct proxy *p)
{
    return txn_table_counts(p->core.txns).pending == 0 && outbox_depth(p->core.outbox) == 0;
}

/* Reads the directory again now and then, in case a message was missed; looks whether the drain is
 * done. */
static void on_housekeeping(uv_timer_t *timer)
{
    struct proxy *p = timer->data;
    uint64_t now = uv_now(p->core.loop);
    p->lag_ms = lag(p) + p->lag_ms / 2; /* new calls come back by and by */
    p->ticked_ms = now;
    meter_refresh(p->core.meter, &p->core, p->lag_ms);
    if (store_is_up(p->core.store) && now - p->synced_ms >= RESYNC_MS) {
        p->synced_ms = now;
        directory_refresh_source(p->core.directory, (struct span){0});
        directory_refresh_gateway(p->core.directory, (struct span){0});
    }
    if (p->core.draining && !p->drained && is_idle(p)) {
        p->drained = true;
        p->events.drained(p->events.arg);
    }
}

static int urgent_fd(void *arg)
{
    struct proxy *p = arg;
    return p->core.store ? store_fd(p->core.store) : -1;
}

static int open_outbox(struct proxy *p, char error[PROXY_ERROR])
{
    struct core *c = &p->core;
    struct spool *spool = NULL;
    char reason[SPOOL_ERROR];
    int err = spool_choose(&spool, c->loop, c->conf, store_node(c->store), reason);
    if (err != ERR_OK) {
        snprintf(error, PROXY_ERROR, "%.*s", PROXY_ERROR - 1, reason);
        return err;
    }
    err = outbox_new(&c->outbox, c->store, c->wheel, spool, on_replayed, p);
    if (err != ERR_OK)
        spool_close(spool);
    return err;
}

static int open_parts(struct proxy *p, char error[PROXY_ERROR])
{
    struct core *c = &p->core;
    const struct conf *conf = c->conf;
    struct transport_events arrivals = {on_message,      on_malformed, on_undeliverable,
                                        on_disconnected, urgent_fd,    p,
                                        capture_message, NULL};
    struct store_events changes = {on_linked,          on_store, on_source_changed,
                                   on_gateway_changed, on_kill,  p};
    char first[ADDR_PORT_TEXT];
    int err = timer_wheel_new(&c->wheel, c->loop);
    if (err == ERR_OK)
        err = meter_new(&c->meter, conf);
    if (err == ERR_OK)
        err = guard_new(&p->guard, conf);
    if (err == ERR_OK)
        err = edges_new(&c->edges, span_of(conf->sip.edges));
    if (err == ERR_OK)
        err = capture_new(&c->capture, c->loop, conf);
    arrivals.seen_arg = c->capture;
    if (err == ERR_OK)
        err = transport_open(&c->transport, c->loop, c->wheel, conf, &arrivals, error);
    if (err == ERR_OK)
        err = txn_table_new(&c->txns, c->wheel, (uint64_t)conf->sip.t1_ms);
    if (err == ERR_OK)
        err = resolver_new(&c->resolver, c->loop, conf);
    if (err == ERR_OK)
        err = health_new(&c->health, conf, c->wheel, c->txns);
    if (err == ERR_OK) {
        (void)span_copy(transport_sent_by(transport_first(c->transport)), first, sizeof first);
        err = store_open(&c->store, c->loop, conf, first, &changes, meter_redis, c->meter);
    }
    if (err == ERR_OK)
        err = report_new(&c->report, c);
    if (err == ERR_OK)
        err = capture_link(c->capture, c->store);
    if (err == ERR_OK)
        err = routes_new(&c->routes, c->store);
    if (err == ERR_OK)
        err = directory_new(&c->directory, c->store, on_synced, p);
    if (err == ERR_OK)
        err = open_outbox(p, error);
    if (err == ERR_OK)
        err = dialogs_new(&c->dialogs, c->wheel, on_expired, p);
    return err;
}

int proxy_open(struct proxy **ret, uv_loop_t *loop, const struct conf *conf,
               const struct proxy_events *events, char error[PROXY_ERROR])
{
    struct proxy *p = calloc(1, sizeof *p);
    error[0] = '\0';
    if (!p)
        return ERR_NOMEM;
    p->core.conf = conf;
    p->core.loop = loop;
    p->events = *events;
    p->ticked_ms = uv_now(loop);
    uv_timer_init(loop, &p->housekeeping);
    p->housekeeping.data = p;
    int err = open_parts(p, error);
    if (err != ERR_OK) {
        if (!error[0])
            snprintf(error, PROXY_ERROR, "%s", err_text(err));
        proxy_close(p);
        return err;
    }
    uv_timer_start(&p->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
    *ret = p;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void proxy_close(struct proxy *p)
{
    if (!p)
        return;
    struct core *c = &p->core;
    store_close(c->store); /* answers all that waits for Redis */
    report_free(c->report);
    resolver_free(c->resolver);
    health_free(c->health);
    txn_table_free(c->txns);
    outbox_free(c->outbox);
    dialogs_free(c->dialogs);
    directory_free(c->directory);
    routes_free(c->routes);
    transport_close(c->transport);
    capture_close(c->capture);
    edges_free(c->edges);
    guard_free(p->guard);
    timer_wheel_free(c->wheel);
    meter_free(c->meter);
    uv_close((uv_handle_t *)&p->housekeeping, on_closed);
}

void proxy_drain(struct proxy *p)
{
    log_info("draining: no new calls");
    p->core.draining = true;
}

int proxy_reload(struct proxy *p, char error[PROXY_ERROR])
{
    return transport_reload(p->core.transport, error);
}
