#include "edge.h"

#include <stdlib.h>

#include "network.h"

enum { EDGES_MAX = 256 };

struct edges {
    size_t n;
    struct network list[EDGES_MAX];
};

int edges_new(struct edges **ret, struct span networks)
{
    struct span part;
    struct edges *e = calloc(1, sizeof *e);
    if (!e)
        return ERR_NOMEM;
    while (span_cut(&networks, ',', &part)) {
        int err = e->n < EDGES_MAX ? network_parse(part, &e->list[e->n++]) : ERR_TOO_LARGE;
        if (err != ERR_OK) {
            free(e);
            return err;
        }
    }
    *ret = e;
    return ERR_OK;
}

void edges_free(struct edges *e)
{
    free(e);
}

bool edges_hold(const struct edges *e, const struct addr *from)
{
    for (size_t i = 0; i < e->n; i++) {
        if (network_holds(&e->list[i], from))
            return true;
    }
    return false;
}

int edges_origin(const struct edges *e, const struct msg *request, const struct addr *from,
                 struct addr *ret)
{
    const struct header_line *told = NULL;
    if (!edges_hold(e, from)) {
        *ret = *from;
        return ERR_OK;
    }
    for (size_t i = 0; i < request->n_headers; i++) {
        if (request->headers[i].id != HEADER_X_TRUNKLINE_SOURCE)
            continue;
        if (told)
            return ERR_NOT_FOUND;
        told = &request->headers[i];
    }
    return told && addr_parse_port(told->value, 0, ret) == ERR_OK ? ERR_OK : ERR_NOT_FOUND;
}

void edges_via(const struct edges *e, const struct msg *request, const struct addr *from,
               struct via *ret)
{
    struct element el;
    struct via second;
    *ret = request->via;
    if (edges_hold(e, from) && msg_element_first(request, HEADER_VIA, &el) &&
        msg_element_next(request, HEADER_VIA, &el) &&
        msg_read_via(request, el.text, &second) == ERR_OK)
        *ret = second;
}
