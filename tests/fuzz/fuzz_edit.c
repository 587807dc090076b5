/* Edits of a fixed message, three bytes each: what, where, how much. */
#include <stdint.h>
#include <stdlib.h>

#include "edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char invite[] = "INVITE sip:a@h SIP/2.0\r\n"
                             "Via: SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/UDP i , SIP/2.0/UDP j\r\n"
                             "Route: <sip:a>,<sip:b> ,\r\n <sip:c>\r\n"
                             "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\n"
                             "CSeq: 1 INVITE\r\n\r\nbody";

static void apply(struct edit *e, uint8_t what, uint8_t where, uint8_t length)
{
    static const struct span put = SPAN_LIT("X: 1\r\n");
    const struct msg *m = e->msg;
    struct element el;
    bool more = msg_element_first(m, what & 8 ? HEADER_VIA : HEADER_ROUTE, &el);

    for (; more && what & 1 && where % 4; where--)
        more = msg_element_next(m, what & 8 ? HEADER_VIA : HEADER_ROUTE, &el);
    if (what & 1 && more)
        edit_remove_element(e, &el);
    else if (what & 2)
        edit_replace(e, (struct span){m->raw.p + where, length}, what & 4 ? put : (struct span){0});
    else if (what & 4)
        edit_insert_before(e, (enum header)(where % HEADER_COUNT), put);
    else
        edit_remove_line(e, &m->headers[where % m->n_headers]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msg_fault fault;
    struct msg *m;
    struct edit e;
    char buf[1024];
    size_t n, expected;

    if (msg_parse(SPAN_LIT(invite), &m, &fault, NULL) != 0)
        abort();
    edit_start(&e, m);
    for (; size >= 3; data += 3, size -= 3)
        apply(&e, data[0], data[1], data[2]);
    expected = edit_size(&e);
    if (edit_build(&e, buf, sizeof(buf), &n) == 0 && n != expected)
        abort();
    msg_free(m);
    return 0;
}
