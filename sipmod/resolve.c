#include "resolve.h"

#include <stdlib.h>

struct question {
    uv_getaddrinfo_t request;
    resolve_fn *fn;
    void *arg;
    uint16_t port;
};

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct question *q = request->data;
    struct addr address = {0};
    if (status == 0 && list->ai_addrlen <= sizeof address) {
        memcpy(&address, list->ai_addr, list->ai_addrlen);
        if (address.sa.sa_family == AF_INET6)
            address.v6.sin6_port = htons(q->port);
        else
            address.v4.sin_port = htons(q->port);
        q->fn(q->arg, &address);
    } else {
        q->fn(q->arg, NULL);
    }
    uv_freeaddrinfo(list);
    free(q);
}

static struct question *ask(uv_loop_t *loop, const char *name, uint16_t port, resolve_fn *fn,
                            void *arg)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
    struct question *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->fn = fn;
    q->arg = arg;
    q->port = port;
    q->request.data = q;
    if (uv_getaddrinfo(loop, &q->request, on_resolved, name, NULL, &hints) != 0) {
        free(q);
        return NULL;
    }
    return q;
}

void resolve_host(uv_loop_t *loop, struct span host, uint16_t port, resolve_fn *fn, void *arg)
{
    struct addr address;
    char name[256];
    if (addr_parse(host, port, &address) == ERR_OK)
        fn(arg, &address);
    else if (!span_copy(host, name, sizeof name) || !ask(loop, name, port, fn, arg))
        fn(arg, NULL);
}
