#include "gateway.h"

#include <stdio.h>
#include <string.h>

const struct gateway_adapter *gateway_find(const char *name)
{
    if (strcmp(gateway_sandbox.name, name) == 0)
        return &gateway_sandbox;
    return strcmp(gateway_http.name, name) == 0 ? &gateway_http : NULL;
}

/* A gateway's words may hold anything: what isn't printable ASCII becomes '?'. */
static void copy_printable(char *to, size_t cap, const char *from)
{
    size_t n = 0;
    for (; from[n] && n + 1 < cap; n++)
        to[n] = from[n] < 0x20 || from[n] > 0x7e ? '?' : from[n];
    to[n] = '\0';
}

void gateway_answer_set(struct gateway_answer *a, enum gateway_result result, const char *reference,
                        const char *reason)
{
    a->result = result;
    copy_printable(a->reference, sizeof(a->reference), reference);
    copy_printable(a->reason, sizeof(a->reason), reason);
}
