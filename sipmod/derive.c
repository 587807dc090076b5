#include "derive.h"

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

/* The word "rport" of the parameter without a value. */
static struct span find_rport(struct span via)
{
    const char *at = via.p, *end = via.p + via.n;
    while ((at = memmem(at, (size_t)(end - at), "rport", 5)) != NULL) {
        if (at > via.p && (at[-1] == ';' || at[-1] == ' ' || at[-1] == '\t'))
            return (struct span){at, 5};
        at++;
    }
    return (struct span){0};
}

void derive_received(struct out *o, const struct via *via, const struct addr *source,
                     struct span *ret_rport)
{
    struct addr sent_by;
    char text[ADDR_TEXT];
    *ret_rport = (struct span){0};
    bool same = addr_parse(via->host, 0, &sent_by) == ERR_OK && addr_eq_host(&sent_by, source);
    if (via->rport && via->rport_value == 0)
        *ret_rport = find_rport(via->text);
    if (!same || via->rport)
        out_format(o, ";received=%s", addr_text(source, text));
}

/* The topmost Via element with received and rport filled in. */
static void put_top_via(struct out *o, const struct via *via, const struct addr *source)
{
    struct span rport, text = via->text;
    char buf[80];
    struct out received = OUT_IN(buf);
    derive_received(&received, via, source, &rport);
    if (rport.n) {
        const char *after = rport.p + rport.n;
        out_span(o, (struct span){text.p, (size_t)(after - text.p)});
        out_format(o, "=%u", addr_port(source));
        text = (struct span){after, (size_t)(text.p + text.n - after)};
    }
    out_span(o, text);
    out_span(o, out_done(&received));
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
        out_format(o, ";tag=tl%016llx", (unsigned long long)h);
    }
    out_text(o, "\r\n");
}

void derive_response(struct out *o, const struct msg *request, const struct addr *source,
                     int status, const char *reason, struct span lines)
{
    out_format(o, "SIP/2.0 %d %s\r\n", status, reason ? reason : msg_reason(status));
    put_vias(o, request, source);
    put_lines(o, request, HEADER_FROM);
    put_to(o, request, status);
    put_lines(o, request, HEADER_CALL_ID);
    put_lines(o, request, HEADER_CSEQ);
    out_span(o, lines);
    out_text(o, "Content-Length: 0\r\n\r\n");
}
