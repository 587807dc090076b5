#include "rr.h"

#include <stdlib.h>

#include "branch.h"
#include "out.h"
#include "secret.h"

#define PARAM "tl"

enum { HEAD_MAX = 4096 };

uint32_t rr_tag_hash(struct span tag)
{
    uint64_t h = branch_hash(BRANCH_HASH_START, tag);
    return (uint32_t)(h ^ h >> 32);
}

void rr_call_id(const char *first, size_t index, char ret[RR_CALL])
{
    struct out o = {.buf = ret, .cap = RR_CALL};
    out_text(&o, first);
    if (index) {
        out_text(&o, "-");
        out_number(&o, index);
    }
    out_span(&o, (struct span){"", 1});
}

struct span rr_first_id(struct span call)
{
    struct span first = call;
    (void)span_cut(&call, '-', &first);
    return first;
}

/* "ACCOUNT[~ACCOUNT…].CALL.CALLER[.GATEWAY]", what is signed. */
static void put_signed(struct out *o, const struct rr *r)
{
    for (size_t i = 0; i < r->n_bookings; i++) {
        out_text(o, i ? "~" : "");
        out_text(o, r->bookings[i].account);
    }
    out_text(o, ".");
    out_text(o, r->bookings[0].call);
    out_text(o, ".");
    out_hex(o, r->caller, 8);
    if (r->gateway[0])
        out_text(o, ".");
    out_text(o, r->gateway);
}

const char *rr_text(const struct rr *r, const struct mac_key *key, char buf[RR_TEXT])
{
    struct out o = {.buf = buf, .cap = RR_TEXT - 1};
    out_text(&o, ";" PARAM "=");
    size_t head = o.n;
    put_signed(&o, r);
    uint64_t mac = mac_of(key, (struct span){buf + head, o.n - head});
    out_text(&o, ".");
    out_hex(&o, mac, RR_MAC);
    buf[o.n] = '\0';
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

/* The accounts of a call, and with them its bookings. */
static bool read_bookings(struct span accounts, struct span call, struct rr *r)
{
    char first[RR_CALL_ID + 1];
    struct span account;
    if (!span_copy(call, first, sizeof first))
        return false;
    while (span_cut(&accounts, '~', &account)) {
        struct rr_booking *b = &r->bookings[r->n_bookings];
        if (r->n_bookings == RR_BOOKINGS || !span_copy(account, b->account, sizeof b->account))
            return false;
        rr_call_id(first, r->n_bookings++, b->call);
    }
    return r->n_bookings > 0;
}

int rr_read(struct span uri_params, const struct mac_key *key, struct rr *ret)
{
    struct span text, rest, accounts, call, caller, mac;
    struct rr r = {0};
    char expected[RR_MAC];
    struct out hex = OUT_IN(expected);
    if (!msg_param(uri_params, PARAM, &text))
        return ERR_NOT_FOUND;
    rest = text;
    if (!span_cut(&rest, '.', &accounts) || !span_cut(&rest, '.', &call) ||
        !span_cut(&rest, '.', &caller) || rest.n == 0)
        return ERR_INVALID;
    mac = cut_mac(&rest);
    text.n = (size_t)(mac.p - text.p) - 1; /* what is signed, without the dot */
    out_hex(&hex, mac_of(key, text), RR_MAC);
    if (!secret_eq(mac, out_done(&hex)) || !span_copy(rest, r.gateway, sizeof r.gateway) ||
        !read_bookings(accounts, call, &r) || !read_hash(caller, &r.caller))
        return ERR_INVALID;
    *ret = r;
    return ERR_OK;
}

bool rr_in_head(struct span bytes)
{
    size_t n = bytes.n < HEAD_MAX ? bytes.n : HEAD_MAX;
    return memmem(bytes.p, n, ";" PARAM "=", sizeof(";" PARAM "=") - 1) != NULL;
}
