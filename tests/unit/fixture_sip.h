/* A valid INVITE and ways to spoil it, for the tests of the message layer. */
#ifndef TRUNKLINE_FIXTURE_SIP_H
#define TRUNKLINE_FIXTURE_SIP_H

#include <stdio.h>
#include <stdlib.h>

#include "cmocka_all.h"

#include "edit.h"
#include "msg.h"

#define VIA          "Via: SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKa1;rport\r\n"
#define ROUTE        "Route: <sip:192.0.2.1;lr>, <sip:192.0.2.2;lr>\r\n"
#define FROM         "From: \"Al, B\" <sip:+13125550000@198.51.100.7;user=phone>;tag=f1\r\n"
#define TO           "To: <sip:12125551234@192.0.2.1>\r\n"
#define CALL_ID      "Call-ID: c1@198.51.100.7\r\n"
#define CSEQ         "CSeq: 7 INVITE\r\n"
#define MAX_FORWARDS "Max-Forwards: 70\r\n"
#define CONTACT      "Contact: <sip:+13125550000@198.51.100.7:5070>\r\n"
#define LENGTH       "Content-Length: 4\r\n"
#define REQUEST_LINE "INVITE sip:12125551234@192.0.2.1:5080;user=phone SIP/2.0\r\n"
#define INVITE                                                                                     \
    REQUEST_LINE VIA MAX_FORWARDS ROUTE FROM TO CALL_ID CSEQ CONTACT LENGTH "\r\n"                 \
                                                                            "v=0\n"
#define RESPONSE "SIP/2.0 180 Ringing\r\n" VIA FROM TO CALL_ID CSEQ "Content-Length: 0\r\n\r\n"

/* Text with its first `from` replaced by `to`; the caller frees .p. */
static inline struct span swapped(struct span text, struct span from, struct span to)
{
    char *at = memmem(text.p, text.n, from.p, from.n);
    size_t head;
    char *p;

    assert_non_null(at);
    head = (size_t)(at - text.p);
    p = malloc(text.n - from.n + to.n + 1);
    assert_non_null(p);
    memcpy(p, text.p, head);
    memcpy(p + head, to.p, to.n);
    memcpy(p + head + to.n, at + from.n, text.n - head - from.n);
    return (struct span){p, text.n - from.n + to.n};
}

/* A message that must be accepted. */
static inline struct msg *parsed(struct span text)
{
    struct msg_fault fault;
    struct msg *m;
    int err = msg_parse(text, &m, &fault, NULL);

    if (err)
        fail_msg("refused: %d %s\n%.*s", fault.status, fault.text, (int)text.n, text.p);
    return m;
}

static inline void assert_span(struct span s, const char *expected)
{
    if (!span_eq(s, span_of(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", (int)s.n, s.p ? s.p : "", expected);
}

#endif
