#include "rr.h"

#include <stdio.h>
#include <stdlib.h>

#include "branch.h"
#include "secret.h"

#define PARAM "tl"

enum { HEAD_MAX = 4096 };

uint32_t rr_tag_hash(struct span tag)
{
    uint64_t h = branch_hash(BRANCH_HASH_START, tag);
    return (uint32_t)(h ^ h >> 32);
}

/* "ACCOUNT.CALL.CALLER[.GATEWAY]", what is signed. Returns its length. */
static size_t signed_part(const struct rr *r, char buf[RR_TEXT])
{
    int n = snprintf(buf, RR_TEXT, "%s.%s.%08x%s%s", r->account, r->call, r->caller,
                     r->gateway[0] ? "." : "", r->gateway);
    return (size_t)n;
}

const char *rr_text(const struct rr *r, const char *secret, char buf[RR_TEXT])
{
    char part[RR_TEXT], mac[2 * RR_MAC_BYTES + 1];
    size_t n = signed_part(r, part);
    secret_hmac_hex(span_of(secret), (struct span){part, n}, RR_MAC_BYTES, mac);
    snprintf(buf, RR_TEXT, ";" PARAM "=%.*s.%s", (int)n, part, mac);
    return buf;
}

static bool read_hash(struct span s, uint32_t *ret)
{
    char text[9], *end;
    if (s.n != 8 || !span_copy(s, text, sizeof text))
        return false;
    *ret = (uint32_t)strtoul(text, &end, 16);
    return *end == '\0';
}

/* Cuts what follows the last dot, which is there unless there is no gateway. */
static struct span cut_mac(struct span *gateway)
{
    struct span mac = *gateway;
    const char *dot = memrchr(mac.p, '.', mac.n);
    gateway->n = dot ? (size_t)(dot - mac.p) : 0;
    if (dot)
        mac = (struct span){dot + 1, (size_t)(mac.p + mac.n - dot - 1)};
    return mac;
}

int rr_read(struct span uri_params, const char *secret, struct rr *ret)
{
    struct span rest, account, call, caller, mac;
    struct rr r = {0};
    char part[RR_TEXT], expected[2 * RR_MAC_BYTES + 1];
    if (!msg_param(uri_params, PARAM, &rest))
        return ERR_NOT_FOUND;
    if (!span_cut(&rest, '.', &account) || !span_cut(&rest, '.', &call) ||
        !span_cut(&rest, '.', &caller) || rest.n == 0)
        return ERR_INVALID;
    mac = cut_mac(&rest);
    if (!span_copy(rest, r.gateway, sizeof r.gateway) ||
        !span_copy(account, r.account, sizeof r.account) ||
        !span_copy(call, r.call, sizeof r.call) || !read_hash(caller, &r.caller))
        return ERR_INVALID;
    size_t n = signed_part(&r, part);
    secret_hmac_hex(span_of(secret), (struct span){part, n}, RR_MAC_BYTES, expected);
    if (!secret_eq(mac, span_of(expected)))
        return ERR_INVALID;
    *ret = r;
    return ERR_OK;
}

bool rr_in_head(struct span bytes)
{
    size_t n = bytes.n < HEAD_MAX ? bytes.n : HEAD_MAX;
    return memmem(bytes.p, n, ";" PARAM "=", sizeof(";" PARAM "=") - 1) != NULL;
}
