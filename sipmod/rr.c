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

/* "ACCOUNT.CALL.CALLER", what is signed. Returns its length. */
static size_t signed_part(const struct rr *r, char buf[RR_TEXT])
{
    int n = snprintf(buf, RR_TEXT, "%s.%s.%08x", r->account, r->call, r->caller);
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

int rr_read(struct span uri_params, const char *secret, struct rr *ret)
{
    struct span rest, account, call, caller, mac;
    struct rr r;
    char part[RR_TEXT], expected[2 * RR_MAC_BYTES + 1];
    if (!msg_param(uri_params, PARAM, &rest))
        return ERR_NOT_FOUND;
    if (!span_cut(&rest, '.', &account) || !span_cut(&rest, '.', &call) ||
        !span_cut(&rest, '.', &caller) || !span_cut(&rest, '.', &mac) || rest.n ||
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
