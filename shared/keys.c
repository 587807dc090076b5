#include "keys.h"

#include <string.h>

/* A name that doesn't fit gives the empty key, which nothing is kept under: a cut name could be
 * another's key. */
static struct key build(const char *head, const char *name, const char *tail)
{
    struct key k;
    size_t n_head = strlen(head), n_name = strlen(name), n_tail = strlen(tail);
    k.text[0] = '\0';
    if (n_head + n_name + n_tail >= sizeof(k.text))
        return k;
    memcpy(k.text, head, n_head);
    memcpy(k.text + n_head, name, n_name);
    memcpy(k.text + n_head + n_name, tail, n_tail + 1);
    return k;
}

struct key key_account(const char *account)
{
    return build("{a:", account, "}");
}

struct key key_inventory(const char *state)
{
    return build("inv:{", state, "}");
}

struct key key_revision(const char *base)
{
    return build(base, "", ":rev");
}

struct key key_did(const char *number)
{
    return build("did:", number, "");
}

struct key key_port(const char *number)
{
    return build("port:", number, "");
}

struct key key_source(const char *address)
{
    return build("ip:", address, "");
}

struct key key_gateway(const char *name)
{
    return build("gw:{", name, "}");
}

struct key key_gateway_calls(const char *name)
{
    return build("gw:{", name, "}:calls");
}

struct key key_deck(const char *deck)
{
    return build("lcr:{", deck, "}");
}

struct key key_sequence(const char *what)
{
    return build("seq:", what, "");
}

struct key key_node(const char *node)
{
    return build("node:", node, "");
}

struct key key_node_health(const char *node)
{
    return build("node:", node, ":health");
}

struct key key_job(const char *job)
{
    return build("job:", job, "");
}

struct key key_trace(const char *id)
{
    return build("trace:{", id, "}");
}

struct key key_audit(const char *account)
{
    bool all = strcmp(account, KEYS_ALL) == 0;
    return build(all ? "audit:{" : "audit:{a:", account, "}");
}
