#include "forward.h"

#include "branch.h"
#include "derive.h"
#include "edit.h"

enum { MAX_FORWARDS = 70, LINES = 1024 };

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
    out_text(lines, ";branch=");
    out_text(lines, branch_text(branch, branch_loop_hash(e->msg), text));
    out_text(lines, "\r\n");
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
 * history at its end. What an edge told, or somebody who would be one, goes no further. */
static void edit_identity(struct edit *e, const struct relay_target *target)
{
    const struct msg *m = e->msg;
    for (size_t i = 0; i < m->n_headers; i++) {
        enum header id = m->headers[i].id;
        if (id == HEADER_X_TRUNKLINE_SOURCE ||
            (target->withhold_identity && id == HEADER_P_ASSERTED_IDENTITY) ||
            (target->withhold_history && (id == HEADER_HISTORY_INFO || id == HEADER_DIVERSION)))
            edit_remove_line(e, &m->headers[i]);
    }
    if (target->diversion.n && msg_header(m, HEADER_DIVERSION))
        edit_insert_before(e, HEADER_DIVERSION, target->diversion);
    else if (target->diversion.n)
        edit_append_header(e, target->diversion);
    if (target->history.n)
        edit_append_header(e, target->history);
}

/* The caller's name in From, which is no part of a dialog's identity. Returns the From that it
 * takes the place of; empty: it has a form of its own and stays. */
static struct span edit_display(struct edit *e, struct span display)
{
    struct span value = msg_header(e->msg, HEADER_FROM)->value, uri = e->msg->from.uri.text;
    if (display.n == 0 || uri.p < value.p || uri.p + uri.n > value.p + value.n)
        return (struct span){0};
    size_t before = (size_t)(uri.p - value.p);
    if (before > 0 && uri.p[-1] != '<')
        return (struct span){0};
    if (before > 0) {
        edit_replace(e, (struct span){value.p, before - 1}, display);
    } else {
        edit_after(e, (struct span){value.p, 0}, display);
        edit_after(e, (struct span){value.p, 0}, SPAN_LIT("<"));
        edit_after(e, uri, SPAN_LIT(">"));
    }
    return value;
}

int forward_request(struct core *core, const struct msg *request, const struct flow *from,
                    const struct relay_target *target, uint64_t branch, struct forwarded *ret,
                    struct span *ret_bytes)
{
    struct edit e;
    char lines_text[LINES], hops_text[12];
    struct session_timer_text session;
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
    ret->from = edit_display(&e, target->display);
    ret->session = session_timer_request(&e, core->conf, &session);
    int err = lines.full ? ERR_TOO_LARGE : edit_build(&e, core->bytes, CORE_BYTES, &ret_bytes->n);
    ret_bytes->p = core->bytes;
    return err;
}

int forward_response(struct core *core, const struct msg *response, const struct forwarded *request,
                     struct span *ret_bytes)
{
    struct edit e;
    struct element via;
    struct session_timer_text text;
    if (!msg_element_first(response, HEADER_VIA, &via))
        return ERR_INVALID;
    edit_start(&e, response);
    edit_remove_element(&e, &via);
    if (request->from.n)
        edit_replace(&e, msg_header(response, HEADER_FROM)->value, request->from);
    session_timer_response(&e, &request->session, &text);
    int err = edit_build(&e, core->bytes, CORE_BYTES, &ret_bytes->n);
    ret_bytes->p = core->bytes;
    return err;
}
