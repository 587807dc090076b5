#include "listen.h"

#include <stdio.h>

static const struct {
    const char *head;
    unsigned protocols;
} SCHEMES[] = {
    {"udp:", LISTEN_UDP             },
    {"tcp:", LISTEN_TCP             },
    {"tls:", LISTEN_TLS             },
    {"",     LISTEN_UDP | LISTEN_TCP},
};

int listen_parse(struct span text, struct listen *ret)
{
    struct listen l = {0};
    struct span rest = text;
    for (size_t i = 0; l.protocols == 0; i++) {
        struct span head = span_of(SCHEMES[i].head);
        if (!span_starts_nocase(text, head))
            continue;
        l.protocols = SCHEMES[i].protocols;
        rest = (struct span){text.p + head.n, text.n - head.n};
    }
    if (addr_parse_port(rest, 0, &l.address) != ERR_OK || addr_port(&l.address) == 0)
        return ERR_INVALID;
    *ret = l;
    return ERR_OK;
}

static int read_place(struct span place, struct collector *c)
{
    struct addr address;
    struct span name;
    uint16_t port = 0;
    if (addr_parse_port(place, 0, &address) == ERR_OK) {
        addr_text(&address, c->host);
        port = addr_port(&address);
    } else if (addr_parse_name(place, &name, &port) != ERR_OK ||
               !span_copy(name, c->host, sizeof c->host)) {
        return ERR_INVALID;
    }
    snprintf(c->port, sizeof c->port, "%u", port);
    return port ? ERR_OK : ERR_INVALID;
}

int collector_parse(struct span text, struct collector *ret)
{
    struct collector c = {.stream = span_starts_nocase(text, SPAN_LIT("tcp:"))};
    if (!c.stream && !span_starts_nocase(text, SPAN_LIT("udp:")))
        return ERR_INVALID;
    int err = read_place((struct span){text.p + 4, text.n - 4}, &c);
    if (err == ERR_OK)
        *ret = c;
    return err;
}
