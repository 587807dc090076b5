#include "txn_table.h"

#include <stdlib.h>
#include <uthash.h>

#include "branch.h"
#include "out.h"

/* RFC 3261 figures 7 and 8, RFC 6026 figure 5. */
enum server_state {
    SERVER_PROCEEDING, /* Trying and Proceeding in one: no final response yet */
    SERVER_COMPLETED,  /* non-2xx sent */
    SERVER_CONFIRMED,  /* INVITE: ACK came */
    SERVER_ACCEPTED,   /* INVITE: 2xx sent */
};

struct txn_server {
    UT_hash_handle hh;
    struct txn_table *table;
    enum server_state state;
    bool invite;
    int status;
    struct flow reply_to;
    struct msg *request; /* until the first final response */
    char *last;          /* latest response, for retransmission */
    size_t last_n;
    uint64_t interval; /* timer G */
    struct timer retransmit, end;
    struct txn_tie tie; /* INVITE on a stream, no final response yet */
    void *user;
    txn_server_ended_fn *ended;
    size_t key_n;
    char key[];
};

enum { KEY_TEXT = 1024 };

#define MAGIC_COOKIE "z9hG4bK"

/* Builds the matching key into buf; returns its length, 0 when it would be too long. */
static size_t server_key(const struct msg *m, char *buf, size_t cap)
{
    enum method method =
        m->method == METHOD_ACK || m->method == METHOD_CANCEL ? METHOD_INVITE : m->method;
    struct out o = {.buf = buf, .cap = cap};
    out_span(&o, method == METHOD_INVITE ? SPAN_LIT("INVITE") : m->method_text);
    if (m->via.branch.n > sizeof MAGIC_COOKIE - 1 &&
        span_starts_nocase(m->via.branch, SPAN_LIT(MAGIC_COOKIE))) {
        out_text(&o, "|");
        out_span(&o, m->via.branch);
        out_text(&o, "|");
        out_span(&o, m->via.host);
        out_text(&o, ":");
        out_number(&o, m->via.port);
    } else { /* RFC 2543: To tag left out, since an ACK has it and its INVITE hasn't */
        uint64_t h = branch_hash(BRANCH_HASH_START, m->uri_text);
        h = branch_hash(h, m->via.text);
        out_format(&o, "|2543|%.*s|%.*s|%u|%016llx", (int)m->call_id.n, m->call_id.p,
                   (int)m->from.tag.n, m->from.tag.p, m->cseq, (unsigned long long)h);
    }
    return out_done(&o).n;
}

struct txn_server *txn_server_find(struct txn_table *t, const struct msg *m)
{
    char key[KEY_TEXT];
    size_t n = server_key(m, key, sizeof key);
    struct txn_server *s = NULL;
    if (n)
        HASH_FIND(hh, t->servers, key, n, s);
    return s;
}

/* The first connection that is lost is replaced by one of ours to the sent-by port (§18.2.2). */
static void on_broken(struct txn_tie *tie)
{
    struct txn_server *s = timer_owner(tie, struct txn_server, tie);
    uint64_t connection = 0;
    if (s->reply_to.connection && s->last) {
        s->reply_to.connection = 0;
        connection = transport_send(&s->reply_to, (struct span){s->last, s->last_n});
    }
    if (connection)
        txn_tie(s->table, &s->tie, connection, on_broken);
    else
        s->table->lost(s);
}

int txn_server_new(struct txn_table *t, struct msg *request, const struct flow *reply_to,
                   struct txn_server **ret)
{
    char key[KEY_TEXT];
    size_t n = server_key(request, key, sizeof key);
    if (!n)
        return ERR_TOO_LARGE;
    struct txn_server *s = calloc(1, sizeof *s + n);
    if (!s)
        return ERR_NOMEM;
    s->table = t;
    s->invite = request->method == METHOD_INVITE;
    s->request = request;
    s->reply_to = *reply_to;
    s->key_n = n;
    memcpy(s->key, key, n);
    HASH_ADD_KEYPTR(hh, t->servers, s->key, s->key_n, s);
    if (s->invite && txn_is_reliable(reply_to))
        txn_tie(t, &s->tie, reply_to->connection, on_broken);
    t->counts.pending++;
    *ret = s;
    return ERR_OK;
}

void txn_server_set_user(struct txn_server *s, void *user, txn_server_ended_fn *ended)
{
    s->user = user;
    s->ended = ended;
}

void *txn_server_user(const struct txn_server *s)
{
    return s->user;
}

static void server_end(struct txn_server *s)
{
    struct txn_table *t = s->table;
    HASH_DEL(t->servers, s);
    timer_stop(t->wheel, &s->retransmit);
    timer_stop(t->wheel, &s->end);
    txn_untie(t, &s->tie);
    if (s->state == SERVER_PROCEEDING)
        t->counts.pending--;
    if (s->ended)
        s->ended(s->user);
    msg_free(s->request);
    free(s->last);
    free(s);
}

static void on_end(struct timer *timer)
{
    server_end(timer_owner(timer, struct txn_server, end));
}

static void send_last(const struct txn_server *s)
{
    if (!s->last)
        return;
    s->table->counts.resent_responses++;
    transport_send(&s->reply_to, (struct span){s->last, s->last_n});
}

/* Timer G: the final response again, until the ACK comes. */
static void on_retransmit(struct timer *timer)
{
    struct txn_server *s = timer_owner(timer, struct txn_server, retransmit);
    send_last(s);
    s->interval = s->interval * 2 < s->table->t2 ? s->interval * 2 : s->table->t2;
    timer_set(s->table->wheel, &s->retransmit, s->interval, on_retransmit);
}

void txn_server_repeated(struct txn_server *s)
{
    s->table->counts.repeated++;
    if (s->state == SERVER_PROCEEDING || s->state == SERVER_COMPLETED)
        send_last(s);
}

void txn_server_acked(struct txn_server *s)
{
    if (!s->invite || s->state != SERVER_COMPLETED)
        return;
    s->state = SERVER_CONFIRMED;
    timer_stop(s->table->wheel, &s->retransmit);
    uint64_t timer_i = txn_is_reliable(&s->reply_to) ? 0 : s->table->t4;
    timer_set(s->table->wheel, &s->end, timer_i, on_end);
}

static void keep_last(struct txn_server *s, struct span bytes)
{
    char *copy = malloc(bytes.n ? bytes.n : 1);
    if (!copy)
        return; /* the older one stays: a retransmission answers with less, no harm */
    memcpy(copy, bytes.p, bytes.n);
    free(s->last);
    s->last = copy;
    s->last_n = bytes.n;
}

/* Timers of the state that the first final response leads to. */
static void server_complete(struct txn_server *s)
{
    struct txn_table *t = s->table;
    bool reliable = txn_is_reliable(&s->reply_to);
    uint64_t keep = !s->invite && reliable ? 0 : 64 * t->t1; /* timers J; H and L */
    timer_set(t->wheel, &s->end, keep, on_end);
    txn_untie(t, &s->tie);
    if (!s->invite) {
        s->state = SERVER_COMPLETED;
    } else if (s->status < 300) {
        s->state = SERVER_ACCEPTED;
        free(s->last); /* what comes again from now on is not answered by us */
        s->last = NULL;
    } else {
        s->state = SERVER_COMPLETED;
        s->interval = t->t1;
        if (!reliable)
            timer_set(t->wheel, &s->retransmit, s->interval, on_retransmit); /* timer G */
    }
    t->counts.pending--;
    msg_free(s->request);
    s->request = NULL;
}

void txn_server_send(struct txn_server *s, int status, struct span bytes)
{
    bool late_2xx = s->invite && s->state != SERVER_PROCEEDING && status >= 200 && status < 300;
    if (s->state != SERVER_PROCEEDING && !late_2xx)
        return;
    transport_send(&s->reply_to, bytes);
    if (late_2xx)
        return; /* retransmitted end to end, not by us */
    s->status = status;
    if (!(s->invite && status >= 200 && status < 300))
        keep_last(s, bytes);
    if (status >= 200)
        server_complete(s);
}

const struct msg *txn_server_request(const struct txn_server *s)
{
    return s->request;
}

const struct flow *txn_server_reply_to(const struct txn_server *s)
{
    return &s->reply_to;
}

int txn_server_status(const struct txn_server *s)
{
    return s->status;
}

void txn_server_end_all(struct txn_table *t)
{
    while (t->servers)
        server_end(t->servers);
}

size_t txn_server_count(const struct txn_table *t)
{
    return HASH_COUNT(t->servers);
}
