#include "stateless.h"

#include "derive.h"

struct flow stateless_flow(const struct flow *from, const struct via *via)
{
    struct flow to = *from;
    enum protocol protocol = transport_protocol(from->listener);
    if (via->rport && protocol == PROTOCOL_UDP)
        return to;
    uint16_t port = htons(via->port ? via->port : transport_default_port(protocol));
    if (to.remote.sa.sa_family == AF_INET6)
        to.remote.v6.sin6_port = port;
    else
        to.remote.v4.sin_port = port;
    return to;
}

void stateless_respond(struct core *core, const struct msg *request, const struct flow *from,
                       int status, const char *reason, struct span lines, size_t cap)
{
    struct out o = {.buf = core->bytes, .cap = cap < CORE_BYTES ? cap : CORE_BYTES};
    if (request->method == METHOD_ACK)
        return;
    derive_response(&o, request, &from->remote, status, reason, lines);
    struct flow to = stateless_flow(from, &request->via);
    if (o.full)
        meter_drop(core->meter, METER_WITHHELD);
    else
        (void)transport_send(&to, out_done(&o));
}

bool stateless_unsupported(const struct msg *request, struct out *lines)
{
    struct element el;
    const char *separator = "Unsupported: ";
    if (!msg_element_first(request, HEADER_PROXY_REQUIRE, &el))
        return false;
    for (bool more = true; more; more = msg_element_next(request, HEADER_PROXY_REQUIRE, &el)) {
        out_text(lines, separator);
        out_span(lines, el.text);
        separator = ", ";
    }
    out_text(lines, "\r\n");
    return true;
}
