#include "hangup.h"

#include <stdlib.h>

#include "branch.h"
#include "hop.h"
#include "lease.h"
#include "log.h"
#include "out.h"

enum { REQUEST_BYTES = 4096 };

/* A BYE or ACK on its way to one side. */
struct farewell {
    struct core *core;
    enum method method;
    uint64_t branch;
    size_t n;   /* bytes of head; Via goes between it and tail */
    char *tail; /* in bytes */
    char bytes[REQUEST_BYTES];
};

/* The request as the other side would send it (RFC 3261 §12.2.1.1), in two parts around the Via. */
static bool write_request(struct farewell *b, const struct dialogs_leg *leg, const char *text)
{
    struct out o = {.buf = b->bytes, .cap = sizeof b->bytes};
    const char *method = b->method == METHOD_ACK ? "ACK" : "BYE";
    out_text(&o, method);
    out_text(&o, " ");
    out_span(&o, leg->target);
    out_text(&o, " SIP/2.0\r\n");
    b->n = o.n;
    b->tail = b->bytes + o.n;
    if (leg->routes.n) {
        out_text(&o, "Route: ");
        out_span(&o, leg->routes);
        out_text(&o, "\r\n");
    }
    out_text(&o, "From: ");
    out_span(&o, leg->from);
    out_text(&o, "\r\nTo: ");
    out_span(&o, leg->to);
    out_text(&o, "\r\nCall-ID: ");
    out_span(&o, leg->call_id);
    out_format(&o, "\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n", leg->cseq, method);
    if (b->method == METHOD_BYE)
        out_format(&o, "Reason: SIP;cause=200;text=\"%s\"\r\n", text);
    out_text(&o, "Content-Length: 0\r\n\r\n");
    out_span(&o, (struct span){"", 1});
    return !o.full;
}

static void send_request(struct farewell *b, const struct flow *to)
{
    static const struct txn_client_events none;
    struct txn_client *client;
    char branch[BRANCH_TEXT];
    struct out o = {.buf = b->core->bytes, .cap = CORE_BYTES};
    out_span(&o, (struct span){b->bytes, b->n});
    out_format(&o, "Via: SIP/2.0/%s ", transport_via_word(to->listener));
    out_span(&o, transport_sent_by(to->listener));
    out_format(&o, ";branch=%s\r\n", branch_text(b->branch, 0, branch));
    out_text(&o, b->tail);
    if (b->method == METHOD_ACK)
        (void)transport_send(to, out_done(&o));
    else if (txn_client_new(b->core->txns, b->branch, METHOD_BYE, to, out_done(&o), &none, NULL,
                            &client) != ERR_OK)
        log_warn("a BYE of ours was not sent: out of memory");
}

static void on_hop(void *arg, const struct hop *hop)
{
    struct farewell *b = arg;
    if (hop->n)
        send_request(b, &hop->flows[0]);
    free(b);
}

/* Where requests to this side go: its first Route, else its Contact. ERR_INVALID. */
static int next_hop(const struct dialogs_leg *leg, struct arena *arena, struct uri *ret)
{
    struct msg scratch = {.arena = arena};
    struct name_addr first;
    if (!leg->routes.n)
        return msg_read_uri(&scratch, leg->target, ret);
    struct span value = leg->routes;
    const char *end = memchr(value.p, '>', value.n);
    if (end)
        value.n = (size_t)(end + 1 - value.p);
    int err = msg_read_name_addr(&scratch, value, &first);
    *ret = first.uri;
    return err;
}

static void send_to(struct core *core, const struct dialogs_leg *leg, enum method method,
                    const char *text)
{
    struct uri next;
    struct arena *arena = arena_new(1024);
    struct farewell *b = calloc(1, sizeof *b);
    if (b) {
        b->core = core;
        b->method = method;
        b->branch = branch_new_id();
    }
    if (b && arena && write_request(b, leg, text) && next_hop(leg, arena, &next) == ERR_OK) {
        hop_find(core, &next, NULL, on_hop, b);
        b = NULL;
    }
    arena_free(arena);
    free(b);
}

static void hang_up_side(struct core *core, const char *call, enum dialogs_side side,
                         const char *text)
{
    struct dialogs_leg leg;
    if (dialogs_leg(core->dialogs, call, side, &leg) == ERR_OK)
        send_to(core, &leg, METHOD_BYE, text);
}

/* How the end is told to one booking. Money or minutes that are used up are the affair of their
 * account alone: for the others the other side has hung up. */
static struct outbox_event end_of(const struct rr *rr, size_t i, const char *call,
                                  const char *reason)
{
    struct outbox_event end = {.code = 200,
                               .reason = reason,
                               .by = "system",
                               .target = "",
                               .attempts = "",
                               .upstream = ""};
    int side = strcmp(rr->bookings[i].call, call);
    bool own = strcmp(reason, "balance") == 0 || strcmp(reason, "mou") == 0;
    if (side != 0 && own) {
        end.reason = "answered";
        end.by = side < 0 ? "callee" : "caller"; /* ids rise from the caller to the callee */
    }
    return end;
}

bool hangup_call(struct core *core, const char *call, const char *reason)
{
    char id[RR_CALL];
    struct rr rr;
    if (!span_copy(span_of(call), id, sizeof id) || dialogs_rr(core->dialogs, id, &rr) != ERR_OK)
        return false;
    hang_up_side(core, id, DIALOGS_CALLER, reason);
    hang_up_side(core, id, DIALOGS_CALLEE, reason);
    for (size_t i = 0; i < rr.n_bookings; i++) {
        struct outbox_event end = end_of(&rr, i, id, reason);
        outbox_finish(core->outbox, rr.bookings[i].account, rr.bookings[i].call, &end, NULL, NULL);
    }
    lease_end(core, &rr);
    meter_ended(core->meter, dialogs_end(core->dialogs, id));
    return true;
}

void hangup_stray(struct core *core, const struct msg *response, bool bye)
{
    char routes[DIALOGS_ROUTES];
    char *contact = dialogs_contact(response);
    struct dialogs_leg leg = {.call_id = response->call_id,
                              .target = span_of(contact),
                              .routes = dialogs_routes_to(response, routes),
                              .from = msg_header(response, HEADER_FROM)->value,
                              .to = msg_header(response, HEADER_TO)->value,
                              .cseq = response->cseq};
    if (contact) {
        send_to(core, &leg, METHOD_ACK, NULL);
        leg.cseq++;
    }
    if (contact && bye)
        send_to(core, &leg, METHOD_BYE, "answered too late");
    free(contact);
}
