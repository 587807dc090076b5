#include "listen.h"

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
