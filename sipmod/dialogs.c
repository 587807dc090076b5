#include "dialogs.h"

#include <stdlib.h>
#include <uthash.h>

#include "out.h"

enum {
    CALLER = DIALOGS_CALLER,
    CALLEE = DIALOGS_CALLEE,
    SIDES = DIALOGS_SIDES,
    KEY_MAX_BYTES = 1024,
};

struct dialog {
    UT_hash_handle hh;      /* by key */
    UT_hash_handle by_call; /* by the first booking's id; of several dialogs of a call the first */
    bool first;
    uint64_t since_ms; /* timer_now of its 2xx */
    struct dialogs *table;
    struct timer age, session;
    struct rr rr;
    char *target[SIDES];  /* Contact URI, or NULL */
    char *routes[SIDES];  /* values of Route towards that side, or NULL */
    char *display;        /* the caller's name before its URI, or NULL */
    char *party[SIDES];   /* From of the caller, To of the callee, with tags */
    uint32_t cseq[SIDES]; /* highest that this side used */
    size_t key_n;
    char key[]; /* Call-ID, caller's tag, callee's tag, each ended by NUL */
};

struct dialogs {
    struct timer_wheel *wheel;
    void (*expired)(void *arg, const char *call, const char *reason);
    void *arg;
    struct dialog *all, *calls;
};

int dialogs_new(struct dialogs **ret, struct timer_wheel *wheel,
                void (*expired)(void *arg, const char *call, const char *reason), void *arg)
{
    struct dialogs *d = calloc(1, sizeof *d);
    if (!d)
        return ERR_NOMEM;
    d->wheel = wheel;
    d->expired = expired;
    d->arg = arg;
    *ret = d;
    return ERR_OK;
}

static void drop(struct dialog *g)
{
    HASH_DEL(g->table->all, g);
    if (g->first)
        HASH_DELETE(by_call, g->table->calls, g);
    timer_stop(g->table->wheel, &g->age);
    timer_stop(g->table->wheel, &g->session);
    for (int side = 0; side < SIDES; side++) {
        free(g->target[side]);
        free(g->routes[side]);
        free(g->party[side]);
    }
    free(g->display);
    free(g);
}

void dialogs_free(struct dialogs *d)
{
    if (!d)
        return;
    while (d->all)
        drop(d->all);
    free(d);
}

size_t dialogs_count(const struct dialogs *d)
{
    return HASH_COUNT(d->all);
}

static void expire(struct dialog *g, const char *reason)
{
    if (g->first)
        g->table->expired(g->table->arg, g->rr.bookings[0].call, reason);
    else
        drop(g);
}

static void on_age(struct timer *timer)
{
    expire(timer_owner(timer, struct dialog, age), "longest");
}

static void on_session(struct timer *timer)
{
    expire(timer_owner(timer, struct dialog, session), "expired");
}

/* ---- matching ---- */

static struct span make_key(struct span call_id, struct span caller, struct span callee,
                            char buf[KEY_MAX_BYTES])
{
    struct out o = {.buf = buf, .cap = KEY_MAX_BYTES};
    out_span(&o, call_id);
    out_span(&o, (struct span){"", 1});
    out_span(&o, caller);
    out_span(&o, (struct span){"", 1});
    out_span(&o, callee);
    return out_done(&o);
}

static struct dialog *find_as(const struct dialogs *d, struct span call_id, struct span caller,
                              struct span callee)
{
    char buf[KEY_MAX_BYTES];
    struct span key = make_key(call_id, caller, callee, buf);
    struct dialog *g = NULL;
    if (key.n)
        HASH_FIND(hh, d->all, key.p, key.n, g);
    return g;
}

/* Finds by the tags of the sender and of the receiver; tells which side sent. */
static struct dialog *find(const struct dialogs *d, struct span call_id, struct span sender,
                           struct span receiver, int *ret_side)
{
    struct dialog *g = find_as(d, call_id, sender, receiver);
    *ret_side = CALLER;
    if (!g) {
        g = find_as(d, call_id, receiver, sender);
        *ret_side = CALLEE;
    }
    return g;
}

/* ---- confirming ---- */

/* NULL for an empty span. */
static char *duplicate(struct span s)
{
    char *copy = s.n ? malloc(s.n + 1) : NULL;
    if (copy) {
        memcpy(copy, s.p, s.n);
        copy[s.n] = '\0';
    }
    return copy;
}

char *dialogs_contact(const struct msg *m)
{
    struct element el;
    struct name_addr contact;
    if (!msg_element_first(m, HEADER_CONTACT, &el) ||
        msg_read_name_addr(m, el.text, &contact) != ERR_OK)
        return NULL;
    return duplicate(contact.uri.text);
}

/* Puts a value before or after the others of a comma-separated list. */
static void put_route(struct out *list, struct span value, bool first)
{
    char old[DIALOGS_ROUTES];
    struct span rest = out_done(list);
    if (!first) {
        out_text(list, rest.n ? ", " : "");
        out_span(list, value);
        return;
    }
    memcpy(old, list->buf, rest.n);
    list->n = 0;
    out_span(list, value);
    out_text(list, rest.n ? ", " : "");
    out_span(list, (struct span){old, rest.n});
}

/* Of the Record-Routes in a 2xx, those above ours lie on the callee's side, nearest last (§16.7,
 * §12.1.2). */
struct span dialogs_routes_to(const struct msg *response, char buf[DIALOGS_ROUTES])
{
    struct out list = {.buf = buf, .cap = DIALOGS_ROUTES};
    struct element el;
    for (bool more = msg_element_first(response, HEADER_RECORD_ROUTE, &el);
         more && !rr_in_head(el.text); more = msg_element_next(response, HEADER_RECORD_ROUTE, &el))
        put_route(&list, el.text, true);
    return out_done(&list);
}

/* Those below ours lie on the caller's side, nearest first. */
static struct span routes_back(const struct msg *response, char buf[DIALOGS_ROUTES])
{
    struct out list = {.buf = buf, .cap = DIALOGS_ROUTES};
    struct element el;
    bool below = false;
    for (bool more = msg_element_first(response, HEADER_RECORD_ROUTE, &el); more;
         more = msg_element_next(response, HEADER_RECORD_ROUTE, &el)) {
        if (rr_in_head(el.text))
            below = true;
        else if (below)
            put_route(&list, el.text, false);
    }
    return out_done(&list);
}

/* Finds by the id of any booking. */
static struct dialog *find_call(const struct dialogs *d, const char *call)
{
    struct dialog *g;
    struct span first = rr_first_id(span_of(call));
    HASH_FIND(by_call, d->calls, first.p, first.n, g);
    return g;
}

static void enter_call(struct dialogs *d, struct dialog *g)
{
    const char *call = g->rr.bookings[0].call;
    if (find_call(d, call))
        return;
    HASH_ADD_KEYPTR(by_call, d->calls, call, strlen(call), g);
    g->first = true;
}

void dialogs_confirm(struct dialogs *d, const struct rr *rr, struct span contact,
                     const struct msg *response, int64_t longest_s)
{
    char buf[KEY_MAX_BYTES], routes[DIALOGS_ROUTES];
    struct span key = make_key(response->call_id, response->from.tag, response->to.tag, buf);
    if (!key.n || find_as(d, response->call_id, response->from.tag, response->to.tag))
        return;
    struct dialog *g = calloc(1, sizeof *g + key.n);
    if (!g)
        return;
    g->table = d;
    g->rr = *rr;
    g->since_ms = timer_now(d->wheel);
    g->key_n = key.n;
    memcpy(g->key, key.p, key.n);
    g->target[CALLER] = duplicate(contact);
    g->target[CALLEE] = dialogs_contact(response);
    g->routes[CALLER] = duplicate(routes_back(response, routes));
    g->routes[CALLEE] = duplicate(dialogs_routes_to(response, routes));
    g->party[CALLER] = duplicate(msg_header(response, HEADER_FROM)->value);
    g->party[CALLEE] = duplicate(msg_header(response, HEADER_TO)->value);
    g->cseq[CALLER] = response->cseq;
    HASH_ADD_KEYPTR(hh, d->all, g->key, g->key_n, g);
    enter_call(d, g);
    timer_set(d->wheel, &g->age, (uint64_t)longest_s * 1000, on_age);
}

/* ---- use ---- */

/* "Route: …" and the URI of its first value. ERR_INVALID: a value can't be read. */
static int read_routes(const struct msg *m, const char *routes, struct dialogs_found *f)
{
    struct name_addr first;
    struct span line = {arena_alloc(m->arena, strlen(routes) + 10), 0};
    if (!line.p)
        return ERR_NOMEM;
    struct out o = {.buf = (char *)(uintptr_t)line.p, .cap = strlen(routes) + 10};
    out_format(&o, "Route: %s\r\n", routes);
    f->routes = out_done(&o);
    struct span value = {f->routes.p + 7, f->routes.n - 9};
    const char *end = memchr(value.p, '>', value.n);
    if (end)
        value.n = (size_t)(end + 1 - value.p);
    int err = msg_read_name_addr(m, value, &first);
    f->next = first.uri.text;
    return err;
}

int dialogs_find(const struct dialogs *d, const struct msg *request, struct dialogs_found *ret)
{
    int side;
    struct dialogs_found f = {0};
    struct dialog *g = find(d, request->call_id, request->from.tag, request->to.tag, &side);
    int other = side == CALLER ? CALLEE : CALLER;
    if (!g || !g->target[other])
        return ERR_NOT_FOUND;
    f.rr = g->rr;
    f.target = f.next = arena_copy(request->arena, span_of(g->target[other]));
    if (!f.target.p)
        return ERR_NOMEM;
    int err = g->routes[other] ? read_routes(request, g->routes[other], &f) : ERR_OK;
    if (err == ERR_OK)
        *ret = f;
    return err;
}

static void move(char **target, char *contact)
{
    if (!contact)
        return;
    free(*target);
    *target = contact;
}

void dialogs_refresh(struct dialogs *d, const struct msg *response, const char *contact)
{
    int requester;
    struct dialog *g = find(d, response->call_id, response->from.tag, response->to.tag, &requester);
    if (!g)
        return;
    move(&g->target[requester], contact ? strdup(contact) : NULL);
    move(&g->target[requester == CALLER ? CALLEE : CALLER], dialogs_contact(response));
}

void dialogs_session(struct dialogs *d, const struct msg *response, int64_t seconds)
{
    int side;
    struct dialog *g = find(d, response->call_id, response->from.tag, response->to.tag, &side);
    if (g && seconds > 0)
        timer_set(d->wheel, &g->session, (uint64_t)seconds * 1000, on_session);
    else if (g)
        timer_stop(d->wheel, &g->session);
}

void dialogs_show(struct dialogs *d, const struct msg *response, struct span display)
{
    struct dialog *g = find_as(d, response->call_id, response->from.tag, response->to.tag);
    if (g && !g->display)
        g->display = duplicate(display);
}

struct span dialogs_display(const struct dialogs *d, const struct msg *request)
{
    struct dialog *g = find_as(d, request->call_id, request->from.tag, request->to.tag);
    return span_of(g ? g->display : NULL);
}

void dialogs_seen(struct dialogs *d, const struct msg *request)
{
    int side;
    struct dialog *g = find(d, request->call_id, request->from.tag, request->to.tag, &side);
    if (g && request->cseq > g->cseq[side])
        g->cseq[side] = request->cseq;
}

int dialogs_leg(const struct dialogs *d, const char *call, enum dialogs_side side,
                struct dialogs_leg *ret)
{
    enum dialogs_side other = side == DIALOGS_CALLER ? DIALOGS_CALLEE : DIALOGS_CALLER;
    struct dialog *g = find_call(d, call);
    if (!g || !g->target[side] || !g->party[side] || !g->party[other])
        return ERR_NOT_FOUND;
    *ret = (struct dialogs_leg){.rr = g->rr,
                                .call_id = span_of(g->key),
                                .target = span_of(g->target[side]),
                                .routes = span_of(g->routes[side]),
                                .from = span_of(g->party[other]),
                                .to = span_of(g->party[side]),
                                .cseq = g->cseq[other] + 1};
    return ERR_OK;
}

bool dialogs_is_other(const struct dialogs *d, const char *call, const struct msg *request)
{
    int side;
    const struct dialog *g = find_call(d, call);
    return g && !find(d, request->call_id, request->from.tag, request->to.tag, &side);
}

int dialogs_rr(const struct dialogs *d, const char *call, struct rr *ret)
{
    struct dialog *g = find_call(d, call);
    if (!g)
        return ERR_NOT_FOUND;
    *ret = g->rr;
    return ERR_OK;
}

bool dialogs_prolong(struct dialogs *d, const char *call, int64_t longest_s)
{
    struct dialog *g;
    HASH_FIND(by_call, d->calls, call, strlen(call), g);
    uint64_t end_ms = g ? g->since_ms + (uint64_t)longest_s * 1000 : 0, now = timer_now(d->wheel);
    if (end_ms <= now)
        return false;
    timer_set(d->wheel, &g->age, end_ms - now, on_age);
    return true;
}

int64_t dialogs_end(struct dialogs *d, const char *call)
{
    struct dialog *g = find_call(d, call);
    if (!g)
        return -1;
    int64_t ms = (int64_t)(timer_now(d->wheel) - g->since_ms);
    drop(g);
    return ms;
}
