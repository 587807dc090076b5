#include "client.h"

#include "network.h"

enum { HOPS_MAX = 32 };

/* Takes the last element off a list. False: the list is empty. */
static bool cut_last(struct span *list, struct span *ret)
{
    if (!list->n)
        return false;
    const char *comma = memrchr(list->p, ',', list->n);
    size_t at = comma ? (size_t)(comma - list->p) + 1 : 0;
    *ret = span_trim((struct span){list->p + at, list->n - at});
    list->n = comma ? at - 1 : 0;
    return true;
}

/* Value of a "name=value" of a Forwarded element (RFC 7239 4), without its quotes. */
static struct span pair_value(struct span element, const char *name)
{
    struct span pair, key;
    while (span_cut(&element, ';', &pair)) {
        struct span value = pair;
        if (!span_cut(&value, '=', &key) || !span_eq_nocase(key, span_of(name)))
            continue;
        bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';
        return quoted ? (struct span){value.p + 1, value.n - 2} : value;
    }
    return (struct span){0};
}

struct client client_of(const struct http_request *r, const char *trusted, const char *header)
{
    bool standard = strcmp(header, "Forwarded") == 0;
    struct span list = standard ? r->forwarded : r->forwarded_for, element;
    struct client c = {.addr = r->peer, .secure = r->tls};
    bool more = network_list_holds(span_of(trusted), &r->peer);
    if (more && !standard)
        c.secure = c.secure || span_eq_nocase(r->forwarded_proto, SPAN_LIT("https"));
    for (int i = 0; more && i < HOPS_MAX && cut_last(&list, &element); i++) {
        struct addr a;
        struct span node = standard ? pair_value(element, "for") : element;
        if (addr_parse_port(node, 0, &a) != ERR_OK)
            break;
        c.addr = a;
        if (standard)
            c.secure = span_eq_nocase(pair_value(element, "proto"), SPAN_LIT("https"));
        more = network_list_holds(span_of(trusted), &a);
    }
    addr_text(&c.addr, c.text);
    return c;
}
