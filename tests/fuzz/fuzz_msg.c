/* A datagram. What is accepted must be accepted again after the edits of a proxy. */
#include <stdint.h>
#include <stdlib.h>

#include "edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t forwarded(const struct msg *m, char *buf, size_t cap)
{
    struct element route;
    struct edit e;
    size_t n = 0;

    edit_start(&e, m);
    edit_insert_before(&e, HEADER_VIA, SPAN_LIT("Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"));
    edit_after(&e, m->via.text, SPAN_LIT(";received=192.0.2.1"));
    if (m->is_request)
        edit_replace(&e, m->uri_text, SPAN_LIT("sip:a@h"));
    if (msg_element_first(m, HEADER_ROUTE, &route))
        edit_remove_element(&e, &route);
    if (edit_build(&e, buf, cap, &n) != 0 || n != edit_size(&e))
        abort();
    return n;
}

static void check_again(const struct msg *m)
{
    static char buf[1 << 17];
    struct msg_fault fault;
    struct msg *again;
    int err = msg_parse((struct span){buf, forwarded(m, buf, sizeof(buf))}, &again, &fault, NULL);

    if (err == ERR_TOO_LARGE || (err && m->via.received.n > 0))
        return;
    if (err || !span_eq(again->body, m->body) || !span_eq(again->from.tag, m->from.tag) ||
        !span_eq(again->to.uri.text, m->to.uri.text) || again->cseq != m->cseq)
        abort();
    msg_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msg_fault fault;
    struct msg *m, *reply_to;

    if (msg_parse((struct span){(const char *)data, size}, &m, &fault, &reply_to) == 0)
        check_again(m);
    msg_free(m);
    msg_free(reply_to);
    return 0;
}
