/* A URI, a Via and an address on their own. What was read must be text of the input. */
#include <stdint.h>
#include <stdlib.h>

#include "msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span part, struct span whole)
{
    if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
        abort();
}

static void check_uri(const struct uri *u, struct span text)
{
    const struct span parts[] = {u->text,   u->scheme,  u->user,       u->host,
                                 u->params, u->headers, u->user_params};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        inside(parts[i], text);
    msg_param(u->params, "lr", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct msg m = {.arena = arena_new(0)};
    struct name_addr n;
    struct via v;
    struct uri u;

    arena_hook_osip();
    if (msg_read_uri(&m, text, &u) == 0)
        check_uri(&u, text);
    if (msg_read_name_addr(&m, text, &n) == 0) {
        check_uri(&n.uri, text);
        inside(n.tag, text);
    }
    if (msg_read_via(&m, text, &v) == 0) {
        inside(v.branch, text);
        if (v.host.n == 0)
            abort();
    }
    arena_free(m.arena);
    return 0;
}
