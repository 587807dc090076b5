#include "derive.h"

#include <stdio.h>
#include <stdlib.h>

#include "branch.h"

/* One header line from an element's or value's text. */
static void put_header(struct out *o, const char *name, struct span value)
{
    out_text(o, name);
    out_text(o, ": ");
    out_span(o, value);
    out_text(o, "\r\n");
}

static void put_lines(struct out *o, const struct msg *m, enum header id)
{
    for (size_t i = 0; i < m->n_headers; i++) {
        if (m->headers[i].id == id)
            out_span(o, m->headers[i].line);
    }
}

/* Everything that CANCEL and ACK take over from their INVITE. */
static void put_follower(struct out *o, const struct msg *invite, const char *method,
                         struct span to)
{
    out_format(o, "%s ", method);
    out_span(o, invite->uri_text);
    out_text(o, " SIP/2.0\r\n");
    put_header(o, "Via", invite->via.text);
    put_lines(o, invite, HEADER_ROUTE);
    put_lines(o, invite, HEADER_FROM);
    put_header(o, "To", to);
    put_lines(o, invite, HEADER_CALL_ID);
    out_format(o, "CSeq: %u %s\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", invite->cseq,
               method);
}

static int derive_follower(struct span bytes, const char *method, const struct msg *response,
                           char **ret, size_t *ret_n)
{
    struct msg *invite;
    struct msg_fault fault;
    int err = msg_parse(bytes, &invite, &fault, NULL);
    if (err != ERR_OK)
        return err;
    const struct header_line *to = msg_header(response ? response : invite, HEADER_TO);
    size_t cap = bytes.n + to->value.n + 256;
    struct out o = {.buf = malloc(cap), .cap = cap};
    if (!o.buf) {
        msg_free(invite);
        return ERR_NOMEM;
    }
    put_follower(&o, invite, method, to->value);
    msg_free(invite);
    *ret = o.buf;
    *ret_n = o.n;
    return ERR_OK;
}

int derive_cancel(struct span invite, char **ret, size_t *ret_n)
{
    return derive_follower(invite, "CANCEL", NULL, ret, ret_n);
}

int derive_ack(struct span invite, const struct msg *response, char **ret, size_t *ret_n)
{
    return derive_follower(invite, "ACK", response, ret, ret_n);
}

static size_t fix_rport(const struct via *via, const struct addr *source,
                        struct derive_via_fix *ret)
{
    if (!via->rport || via->rport_value != 0)
        return 0;
    ret->cut = via->rport_name;
    snprintf(ret->put, sizeof ret->put, "rport=%u", addr_port(source));
    return 1;
}

static size_t fix_received(const struct via *via, const struct addr *source,
                           struct derive_via_fix *ret)
{
    struct addr sent_by;
    char text[ADDR_TEXT];
    bool same = addr_parse(via->host, 0, &sent_by) == ERR_OK && addr_eq_host(&sent_by, source);
    addr_text(source, text);
    if (via->received.n) { /* whoever wrote it, only we know */
        ret->cut = via->received;
        snprintf(ret->put, sizeof ret->put, "%s", text);
        return 1;
    }
    if (same && !via->rport)
        return 0;
    ret->cut = (struct span){via->text.p + via->text.n, 0};
    snprintf(ret->put, sizeof ret->put, ";received=%s", text);
    return 1;
}

size_t derive_via_fixes(const struct via *via, const struct addr *source,
                        struct derive_via_fix ret[DERIVE_VIA_FIXES])
{
    size_t n = fix_rport(via, source, &ret[0]);
    n += fix_received(via, source, &ret[n]);
    if (n == 2 && ret[1].cut.p < ret[0].cut.p) {
        struct derive_via_fix first = ret[1];
        ret[1] = ret[0];
        ret[0] = first;
    }
    return n;
}

/* The topmost Via element with what we know of its sender. */
static void put_top_via(struct out *o, const struct via *via, const struct addr *source)
{
    struct derive_via_fix fixes[DERIVE_VIA_FIXES];
    size_t n = derive_via_fixes(via, source, fixes);
    const char *at = via->text.p, *end = at + via->text.n;
    for (size_t i = 0; i < n; i++) {
        out_span(o, (struct span){at, (size_t)(fixes[i].cut.p - at)});
        out_text(o, fixes[i].put);
        at = fixes[i].cut.p + fixes[i].cut.n;
    }
    out_span(o, (struct span){at, (size_t)(end - at)});
}

static void put_vias(struct out *o, const struct msg *request, const struct addr *source)
{
    struct element e;
    bool top = true;
    for (bool more = msg_element_first(request, HEADER_VIA, &e); more;
         more = msg_element_next(request, HEADER_VIA, &e)) {
        out_text(o, "Via: ");
        if (top)
            put_top_via(o, &request->via, source);
        else
            out_span(o, e.text);
        out_text(o, "\r\n");
        top = false;
    }
}

/* Our To tag: the same for each response to one request, CANCEL's 200 included (§9.2). */
static void put_to(struct out *o, const struct msg *request, int status)
{
    const struct header_line *to = msg_header(request, HEADER_TO);
    if (!to)
        return;
    out_text(o, "To: ");
    out_span(o, to->value);
    if (request->to.tag.n == 0 && status != 100) {
        uint64_t h = branch_hash(BRANCH_HASH_START, request->call_id);
        h = branch_hash(h, request->from.tag);
        h = branch_hash(h, request->via.branch);
        out_text(o, ";tag=tl");
        out_hex(o, h, 16);
    }
    out_text(o, "\r\n");
}

void derive_response(struct out *o, const struct msg *request, const struct addr *source,
                     int status, const char *reason, struct span lines)
{
    out_text(o, "SIP/2.0 ");
    out_number(o, (uint64_t)status);
    out_text(o, " ");
    out_text(o, reason ? reason : msg_reason(status));
    out_text(o, "\r\n");
    put_vias(o, request, source);
    put_lines(o, request, HEADER_FROM);
    put_to(o, request, status);
    put_lines(o, request, HEADER_CALL_ID);
    put_lines(o, request, HEADER_CSEQ);
    out_span(o, lines);
    out_text(o, "Content-Length: 0\r\n\r\n");
}
