#include "tap_call.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "branch.h"
#include "call_id.h"
#include "dial.h"
#include "tap_call_priv.h"
#include "text.h"

enum {
    SWEEP_US = 5000000,
    REPEATS_US = 40000000, /* an ended call is remembered so long */
    BYE_US = 35000000,     /* a BYE without a response: longer than its transaction lives */
    SETUP_US = 64000000,   /* beyond timer C */
    SAME_CALL_ID = 16,     /* calls of one Call-ID */
    CALL_ID_MAX = 1024,
};

/* The calls of one Call-ID: attempts of one caller after another. */
struct group {
    UT_hash_handle hh;
    struct tap_call *calls;
    size_t n_calls;
    size_t n;
    char call_id[];
};

struct tap_calls {
    struct tap_calls_needs needs;
    struct group *groups;
    size_t n;
    int64_t swept_us;
};

int tap_calls_new(struct tap_calls **ret, const struct tap_calls_needs *needs)
{
    struct tap_calls *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->needs = *needs;
    *ret = t;
    return ERR_OK;
}

static void drop_call(struct tap_calls *t, struct group *g, struct tap_call *c)
{
    LL_DELETE(g->calls, c);
    g->n_calls--;
    t->n--;
    free(c);
}

static void drop_group(struct tap_calls *t, struct group *g)
{
    struct tap_call *c, *next;
    HASH_DEL(t->groups, g);
    LL_FOREACH_SAFE(g->calls, c, next)
    {
        free(c);
    }
    t->n -= g->n_calls;
    free(g);
}

void tap_calls_free(struct tap_calls *t)
{
    if (!t)
        return;
    while (t->groups)
        drop_group(t, t->groups);
    free(t);
}

size_t tap_calls_count(const struct tap_calls *t)
{
    return t->n;
}

/* Hands the call over; it stays a while, so that what is repeated begins no new one. */
static void emit(struct tap_calls *t, struct tap_call *c, int64_t at_us)
{
    c->over_us = at_us;
    t->needs.ended(t->needs.arg, &c->cdr);
}

/* ---- finding ---- */

static uint64_t via_hash(const struct via *via)
{
    uint16_t port = via->port;
    uint64_t h = branch_hash(BRANCH_HASH_START, via->branch);
    h = branch_hash(h, via->host);
    return branch_hash(h, (struct span){(const char *)&port, sizeof port});
}

static struct group *find_group(const struct tap_calls *t, struct span call_id)
{
    struct group *g;
    HASH_FIND(hh, t->groups, call_id.p, call_id.n, g);
    return g;
}

/* Whether the request or response belongs to a transaction of the call's INVITE. */
static bool is_of_invite(const struct tap_call *c, const struct msg *m)
{
    return c->cseq == m->cseq && c->caller == tap_call_tag(m->from.tag);
}

static struct tap_leg *find_leg(struct tap_call *c, uint64_t branch)
{
    for (size_t i = 0; i < c->n_legs; i++) {
        if (c->legs[i].branch == branch)
            return &c->legs[i];
    }
    return NULL;
}

/* The call whose first INVITE this is again, or whose INVITE it was before a proxy had it;
 * *ret_depth: how many proxies. NULL: none. */
static struct tap_call *find_invite(const struct group *g, const struct msg *m, size_t *ret_depth)
{
    struct element el;
    struct via via;
    struct tap_call *c;
    *ret_depth = 0;
    for (bool more = msg_element_first(m, HEADER_VIA, &el); more;
         more = msg_element_next(m, HEADER_VIA, &el), ++*ret_depth) {
        if (msg_read_via(m, el.text, &via) != ERR_OK)
            return NULL;
        uint64_t hash = via_hash(&via);
        LL_FOREACH(g->calls, c)
        {
            if (c->branch == hash && is_of_invite(c, m))
                return c;
        }
    }
    return NULL;
}

/* ---- INVITE ---- */

static struct tap_call *add_call(struct tap_calls *t, const struct msg *m)
{
    struct group *g = find_group(t, m->call_id);
    if (t->n >= (size_t)t->needs.conf->tap.calls || m->call_id.n > CALL_ID_MAX ||
        (g && g->n_calls == SAME_CALL_ID))
        return NULL;
    struct tap_call *c = calloc(1, sizeof *c);
    if (!g && c && (g = calloc(1, sizeof *g + m->call_id.n)) != NULL) {
        memcpy(g->call_id, m->call_id.p, m->call_id.n);
        g->n = m->call_id.n;
        HASH_ADD_KEYPTR(hh, t->groups, g->call_id, g->n, g);
    }
    if (!g) {
        free(c);
        return NULL;
    }
    if (!c)
        return NULL;
    LL_PREPEND(g->calls, c);
    g->n_calls++;
    t->n++;
    return c;
}

/* The number that was called; false: none that is carried. */
static bool read_number(const struct msg *m, const struct source *source,
                        char ret[PHONE_E164_MAX + 1])
{
    struct phone phone;
    if (source->kind == SOURCE_TRUNK)
        return dial_outbound(&m->uri, ret) == DIAL_NUMBER;
    if (dial_inbound(&m->uri, &phone) != DIAL_NUMBER)
        return false;
    text_set(ret, PHONE_E164_MAX + 1, phone.digits);
    return true;
}

static void begin(struct tap_calls *t, int64_t at_us, const struct addr *from, const struct msg *m)
{
    const struct source *source = t->needs.source(t->needs.arg, from);
    const struct mac_key *key = t->needs.key(t->needs.arg);
    char number[PHONE_E164_MAX + 1];
    struct tap_call *c;
    if (!source) {
        tap_count_add(t->needs.count, TAP_STRANGERS, 1);
        return;
    }
    bool carried = read_number(m, source, number);
    if (!key || (c = add_call(t, m)) == NULL) {
        tap_count_add(t->needs.count, TAP_BEYOND, 1);
        return;
    }
    tap_count_add(t->needs.count, TAP_CALLS, 1);
    c->branch = via_hash(&m->via);
    c->caller = tap_call_tag(m->from.tag);
    c->cseq = m->cseq;
    c->seen_us = c->cdr.invite_us = at_us;
    c->cdr.source = *source;
    if (!carried) { /* it is known, so that its copies aren't counted, and no more */
        tap_count_add(t->needs.count, TAP_UNKNOWN, 1);
        c->over_us = at_us;
        return;
    }
    call_id_derive(key, m, &m->via, c->cdr.id);
    text_set(c->cdr.number, sizeof c->cdr.number, number);
    text_set_span(c->cdr.from, TAP_TEXT, m->from.uri.text);
    text_set_span(c->cdr.to, TAP_TEXT, m->to.uri.text);
    text_set_span(c->cdr.callid, TAP_TEXT, m->call_id);
    addr_port_text(from, c->cdr.place);
}

/* Whether the number that was called is not the end of what is called now. */
static bool is_diverted(const struct tap_call *c, struct span user)
{
    size_t n = strlen(c->cdr.number);
    return user.n < n || memcmp(user.p + user.n - n, c->cdr.number, n) != 0;
}

/* The proxy tries a target. */
static void add_leg(struct tap_calls *t, struct tap_call *c, int64_t at_us, const struct addr *to,
                    const struct msg *m)
{
    uint64_t branch = via_hash(&m->via);
    if (c->over_us || c->n_legs == TAP_LEGS || find_leg(c, branch))
        return;
    if (c->n_legs)
        tap_call_give_up_leg(c, &c->legs[c->n_legs - 1], at_us, t->needs.conf->sip.no_answer_ms);
    struct tap_leg *leg = &c->legs[c->n_legs++];
    *leg = (struct tap_leg){.branch = branch, .to = *to, .since_us = at_us};
    if (c->cdr.answer_us)
        return;
    c->cdr.led = true;
    c->cdr.diverted = is_diverted(c, m->uri.user);
    c->cdr.target_addr = *to;
    addr_port_text(to, c->cdr.target);
    text_set_span(c->cdr.target_host, sizeof c->cdr.target_host, m->uri.host);
}

static void take_invite(struct tap_calls *t, int64_t at_us, const struct addr *from,
                        const struct addr *to, const struct msg *m)
{
    struct group *g = find_group(t, m->call_id);
    size_t depth;
    struct tap_call *c = g ? find_invite(g, m, &depth) : NULL;
    if (!c)
        begin(t, at_us, from, m);
    else if (depth == 1)
        add_leg(t, c, at_us, to, m);
}

/* ---- responses to INVITE ---- */

static void answer(struct tap_calls *t, struct tap_call *c, struct tap_leg *leg, int64_t at_us,
                   const struct msg *m)
{
    if (c->cdr.answer_us || c->over_us)
        return;
    if (!c->cdr.rang_us)
        c->cdr.rang_us = at_us;
    c->cdr.answer_us = at_us;
    c->callee = tap_call_tag(m->to.tag);
    tap_count_add(t->needs.count, TAP_ANSWERED, 1);
    if (leg) {
        leg->noted = true;
        tap_call_note(c, leg, m->status);
        c->cdr.target_addr = leg->to;
        addr_port_text(&leg->to, c->cdr.target);
    }
}

static void take_leg_response(struct tap_calls *t, struct tap_call *c, struct tap_leg *leg,
                              int64_t at_us, const struct msg *m)
{
    bool latest = leg == &c->legs[c->n_legs - 1];
    leg->heard = true;
    if (m->status > 100 && m->status < 200 && latest && !c->cdr.rang_us && !c->over_us)
        c->cdr.rang_us = at_us;
    if (m->status < 200 || leg->status)
        return;
    if (m->status < 300)
        answer(t, c, leg, at_us, m);
    leg->status = m->status;
    if (m->status >= 300 && !leg->noted && !c->cancelled && !c->cdr.answer_us)
        tap_call_note(c, leg, m->status);
    leg->noted = true;
}

/* What the caller is told. */
static void take_final(struct tap_calls *t, struct tap_call *c, int64_t at_us, const struct msg *m)
{
    if (m->status > 100 && m->status < 200 && c->n_legs == 0 && !c->cdr.rang_us)
        c->cdr.rang_us = at_us;
    if (m->status < 200 || c->cdr.answer_us || c->over_us)
        return;
    if (m->status < 300) {
        answer(t, c, NULL, at_us, m);
        return;
    }
    if (c->n_legs)
        tap_call_give_up_leg(c, &c->legs[c->n_legs - 1], at_us, t->needs.conf->sip.no_answer_ms);
    tap_call_fail(c, m, at_us);
    emit(t, c, at_us);
}

static void take_invite_response(struct tap_calls *t, const struct group *g, int64_t at_us,
                                 const struct msg *m)
{
    uint64_t branch = via_hash(&m->via);
    struct tap_call *c;
    LL_FOREACH(g->calls, c)
    {
        struct tap_leg *leg;
        if (!is_of_invite(c, m))
            continue;
        c->seen_us = at_us;
        if (c->branch == branch)
            take_final(t, c, at_us, m);
        else if ((leg = find_leg(c, branch)) != NULL)
            take_leg_response(t, c, leg, at_us, m);
        else
            continue;
        return;
    }
}

/* ---- other requests ---- */

static void take_cancel(const struct group *g, const struct msg *m)
{
    uint64_t branch = via_hash(&m->via);
    struct tap_call *c;
    LL_FOREACH(g->calls, c)
    {
        if (c->branch == branch && is_of_invite(c, m) && !c->over_us && !c->cdr.answer_us)
            c->cancelled = true;
    }
}

/* The answered call of a dialog, whoever sent. */
static struct tap_call *find_dialog(const struct group *g, const struct msg *m)
{
    uint64_t from = tap_call_tag(m->from.tag), to = tap_call_tag(m->to.tag);
    struct tap_call *c;
    LL_FOREACH(g->calls, c)
    {
        if (c->cdr.answer_us &&
            ((c->caller == from && c->callee == to) || (c->caller == to && c->callee == from)))
            return c;
    }
    return NULL;
}

static void take_bye(struct tap_calls *t, struct tap_call *c, int64_t at_us, const struct msg *m)
{
    bool final = !m->is_request && m->status >= 200 && m->status != 401 && m->status != 407;
    if (c->over_us)
        return;
    if (m->is_request && tap_call_bye(c, m, at_us)) {
        emit(t, c, at_us);
    } else if (final) {
        if (!c->bye_us) /* its request was not captured */
            (void)tap_call_bye(c, m, at_us);
        tap_call_end(c, at_us);
        emit(t, c, at_us);
    }
}

static void take_other(struct tap_calls *t, const struct group *g, int64_t at_us,
                       const struct addr *from, const struct msg *m)
{
    struct tap_call *c = g ? find_dialog(g, m) : NULL;
    if (c) {
        c->seen_us = at_us;
        if (m->method == METHOD_BYE)
            take_bye(t, c, at_us, m);
    } else if (!g && m->is_request && m->method == METHOD_BYE && m->to.tag.n &&
               t->needs.source(t->needs.arg, from)) {
        tap_count_add(t->needs.count, TAP_MIDWAY, 1);
    }
}

void tap_calls_take(struct tap_calls *t, int64_t at_us, const struct addr *from,
                    const struct addr *to, const struct msg *m)
{
    struct group *g = find_group(t, m->call_id);
    bool initial = m->is_request && m->method == METHOD_INVITE && m->to.tag.n == 0;
    if (initial)
        take_invite(t, at_us, from, to, m);
    else if (g && m->is_request && m->method == METHOD_CANCEL)
        take_cancel(g, m);
    else if (g && !m->is_request && m->method == METHOD_INVITE)
        take_invite_response(t, g, at_us, m);
    else
        take_other(t, g, at_us, from, m);
}

/* ---- time ---- */

/* Ends a call whose time is over; `finish`: whatever its age. */
static void expire(struct tap_calls *t, struct tap_call *c, int64_t now_us, bool finish)
{
    const struct conf *conf = t->needs.conf;
    int64_t longest_us = c->cdr.answer_us + conf->sip.longest_call_s * 1000000;
    if (c->bye_us && (finish || now_us - c->bye_us > BYE_US)) {
        tap_call_end(c, c->bye_us);
        emit(t, c, now_us);
    } else if (c->cdr.answer_us && (finish || now_us > longest_us + SETUP_US)) {
        tap_call_lose(c, now_us < longest_us ? now_us : longest_us);
        emit(t, c, now_us);
    } else if (!c->cdr.answer_us && finish) {
        tap_count_add(t->needs.count, TAP_IN_SETUP, 1);
    } else if (!c->cdr.answer_us &&
               now_us - c->seen_us > conf->sip.timer_c_s * 1000000 + SETUP_US) {
        tap_call_lose(c, c->seen_us);
        emit(t, c, now_us);
    }
}

static void sweep(struct tap_calls *t, int64_t now_us, bool finish)
{
    struct group *g, *next_group;
    struct tap_call *c, *next;
    HASH_ITER(hh, t->groups, g, next_group)
    {
        LL_FOREACH_SAFE(g->calls, c, next)
        {
            if (!c->over_us)
                expire(t, c, now_us, finish);
            else if (now_us - c->over_us > REPEATS_US)
                drop_call(t, g, c);
        }
        if (!g->calls)
            drop_group(t, g);
    }
}

void tap_calls_tick(struct tap_calls *t, int64_t now_us)
{
    if (now_us - t->swept_us < SWEEP_US)
        return;
    t->swept_us = now_us;
    sweep(t, now_us, false);
}

void tap_calls_finish(struct tap_calls *t, int64_t now_us)
{
    sweep(t, now_us, true);
}
