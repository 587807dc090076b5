#include "txn_table.h"

#include <stdlib.h>
#include <uthash.h>

#include "branch.h"
#include "derive.h"

/* RFC 3261 figures 5 and 6, RFC 6026 figure 6. */
enum client_state {
    CLIENT_CALLING,    /* Calling or Trying: no response yet */
    CLIENT_PROCEEDING, /* a provisional response came */
    CLIENT_COMPLETED,  /* final (INVITE: non-2xx) response came */
    CLIENT_ACCEPTED,   /* INVITE: 2xx came */
};

/* A CANCEL has the branch of its INVITE, so the id alone doesn't tell them apart. */
struct client_key {
    uint64_t id;
    uint64_t cancel;
};

struct txn_client {
    UT_hash_handle hh;
    struct txn_table *table;
    struct client_key key;
    enum client_state state;
    enum method method;
    bool cancel_wanted, cancel_sent;
    struct flow to;
    char *sent; /* the request; after a non-2xx its ACK */
    size_t sent_n;
    uint64_t interval; /* timers A and E */
    bool reliable;
    struct timer retransmit, end;
    struct txn_tie tie; /* of a stream, while it waits for a response */
    struct txn_client_events events;
    txn_stray_fn *stray; /* NULL: not abandoned */
    void *user;
};

static void client_end(struct txn_client *c)
{
    HASH_DEL(c->table->clients, c);
    timer_stop(c->table->wheel, &c->retransmit);
    timer_stop(c->table->wheel, &c->end);
    txn_untie(c->table, &c->tie);
    free(c->sent);
    free(c);
}

static void send_again(const struct txn_client *c)
{
    if (c->sent)
        transport_send(&c->to, (struct span){c->sent, c->sent_n});
}

static void on_end(struct timer *timer)
{
    struct txn_client *c = timer_owner(timer, struct txn_client, end);
    void (*ended)(void *) = c->events.ended;
    void *user = c->user;
    client_end(c);
    if (ended)
        ended(user);
}

/* There will be no response. */
static void client_fail(struct txn_client *c, int err)
{
    void (*failed)(void *, int) = c->events.failed;
    void *user = c->user;
    client_end(c);
    if (failed)
        failed(user, err);
}

static void on_timeout(struct timer *timer)
{
    struct txn_client *c = timer_owner(timer, struct txn_client, end);
    c->table->counts.timeouts++;
    client_fail(c, ERR_TIMEOUT);
}

/* Timers A (INVITE: doubles without bound) and E (doubles up to T2; at T2 once provisional). */
static void on_retransmit(struct timer *timer)
{
    struct txn_client *c = timer_owner(timer, struct txn_client, retransmit);
    uint64_t next = c->interval * 2;
    if (c->method != METHOD_INVITE && (next > c->table->t2 || c->state == CLIENT_PROCEEDING))
        next = c->table->t2;
    c->interval = next;
    c->table->counts.resent_requests++;
    send_again(c);
    timer_set(c->table->wheel, &c->retransmit, next, on_retransmit);
}

static void on_unsendable(struct timer *timer)
{
    client_fail(timer_owner(timer, struct txn_client, end), ERR_UNAVAILABLE);
}

/* The response may still come by another connection once there was a first one. */
static void on_broken(struct txn_tie *tie)
{
    struct txn_client *c = timer_owner(tie, struct txn_client, tie);
    if (c->state == CLIENT_CALLING)
        client_fail(c, ERR_UNAVAILABLE);
}

/* ACK and CANCEL will go by the connection that took the request. A failure is told later, as all
 * are. */
static void send_on_stream(struct txn_client *c)
{
    c->to.connection = transport_send(&c->to, (struct span){c->sent, c->sent_n});
    txn_tie(c->table, &c->tie, c->to.connection, on_broken);
    if (!c->to.connection)
        timer_set(c->table->wheel, &c->end, 0, on_unsendable);
}

static struct txn_client *client_add(struct txn_table *t, struct client_key key, enum method method,
                                     const struct flow *to, struct span bytes)
{
    struct txn_client *c = calloc(1, sizeof *c);
    char *copy = malloc(bytes.n);
    if (!c || !copy) {
        free(c);
        free(copy);
        return NULL;
    }
    memcpy(copy, bytes.p, bytes.n);
    c->table = t;
    c->key = key;
    c->method = method;
    c->to = *to;
    c->sent = copy;
    c->sent_n = bytes.n;
    c->interval = t->t1;
    c->reliable = txn_is_reliable(to);
    HASH_ADD(hh, t->clients, key, sizeof c->key, c);
    timer_set(t->wheel, &c->end, 64 * t->t1, on_timeout); /* timers B and F */
    if (c->reliable) {
        send_on_stream(c);
    } else {
        timer_set(t->wheel, &c->retransmit, c->interval, on_retransmit);
        send_again(c);
    }
    return c;
}

int txn_client_new(struct txn_table *t, uint64_t id, enum method method, const struct flow *to,
                   struct span bytes, const struct txn_client_events *events, void *user,
                   struct txn_client **ret)
{
    struct txn_client *c = client_add(t, (struct client_key){.id = id}, method, to, bytes);
    if (!c)
        return ERR_NOMEM;
    c->events = *events;
    c->user = user;
    *ret = c;
    return ERR_OK;
}

static void send_cancel(struct txn_client *c)
{
    char *cancel;
    size_t n;
    if (c->cancel_sent || derive_cancel((struct span){c->sent, c->sent_n}, &cancel, &n) != ERR_OK)
        return;
    c->cancel_sent = true;
    struct client_key key = {c->key.id, 1};
    (void)client_add(c->table, key, METHOD_CANCEL, &c->to, (struct span){cancel, n});
    free(cancel);
    /* §9.1: an INVITE without a final response 64×T1 after its CANCEL counts as cancelled. */
    timer_set(c->table->wheel, &c->end, 64 * c->table->t1, on_timeout);
}

void txn_client_cancel(struct txn_client *c)
{
    c->cancel_wanted = true;
    if (c->method != METHOD_INVITE)
        return;
    if (c->state == CLIENT_PROCEEDING)
        send_cancel(c);
    else if (c->state == CLIENT_CALLING) /* no more INVITEs to who should not ring */
        timer_stop(c->table->wheel, &c->retransmit);
}

void txn_client_detach(struct txn_client *c)
{
    if (!c)
        return;
    c->events = (struct txn_client_events){0};
    c->user = NULL;
    if (c->state == CLIENT_CALLING || c->state == CLIENT_PROCEEDING)
        txn_client_cancel(c);
}

void txn_client_abandon(struct txn_client *c, txn_stray_fn *stray, void *user)
{
    txn_client_detach(c);
    if (!c)
        return;
    c->stray = stray;
    c->user = user;
}

/* Replaces the request by the ACK of a non-2xx response (§17.1.1.3) and sends it. */
static void acknowledge(struct txn_client *c, const struct msg *response)
{
    char *ack;
    size_t n;
    if (derive_ack((struct span){c->sent, c->sent_n}, response, &ack, &n) != ERR_OK) {
        free(c->sent);
        c->sent = NULL;
        return;
    }
    free(c->sent);
    c->sent = ack;
    c->sent_n = n;
    send_again(c);
}

static void client_provisional(struct txn_client *c)
{
    if (c->state == CLIENT_CALLING) {
        c->state = CLIENT_PROCEEDING;
        txn_untie(c->table, &c->tie);
        if (c->method == METHOD_INVITE) { /* timer C is the user's */
            timer_stop(c->table->wheel, &c->retransmit);
            timer_stop(c->table->wheel, &c->end);
        }
    }
    if (c->cancel_wanted)
        txn_client_cancel(c);
}

/* First final response: leaves Calling or Proceeding. */
static void client_final(struct txn_client *c, const struct msg *response)
{
    struct txn_table *t = c->table;
    timer_stop(t->wheel, &c->retransmit);
    txn_untie(t, &c->tie);
    if (c->method != METHOD_INVITE) {
        c->state = CLIENT_COMPLETED;
        timer_set(t->wheel, &c->end, c->reliable ? 0 : t->t4, on_end); /* timer K */
    } else if (response->status < 300) {
        c->state = CLIENT_ACCEPTED;
        timer_set(t->wheel, &c->end, 64 * t->t1, on_end); /* timer M */
    } else {
        c->state = CLIENT_COMPLETED;
        timer_set(t->wheel, &c->end, c->reliable ? 0 : 64 * t->t1, on_end); /* timer D */
        acknowledge(c, response);
        return;
    }
    free(c->sent);
    c->sent = NULL;
}

bool txn_client_receive(struct txn_table *t, const struct msg *response)
{
    struct client_key key = {.cancel = response->method == METHOD_CANCEL};
    uint32_t loop;
    struct txn_client *c = NULL;
    if (!branch_read(response->via.branch, &key.id, &loop))
        return false;
    HASH_FIND(hh, t->clients, &key, sizeof key, c);
    if (!c || c->method != response->method)
        return false;
    bool open = c->state == CLIENT_CALLING || c->state == CLIENT_PROCEEDING;
    bool is_2xx = response->status >= 200 && response->status < 300;
    bool late_2xx = c->state == CLIENT_ACCEPTED && is_2xx;
    if (open && response->status < 200)
        client_provisional(c);
    else if (open)
        client_final(c, response);
    else if (c->state == CLIENT_COMPLETED && c->method == METHOD_INVITE && response->status >= 300)
        send_again(c); /* the ACK */
    if ((open || late_2xx) && c->events.response)
        c->events.response(c->user, response);
    else if (c->stray && c->state == CLIENT_ACCEPTED && is_2xx)
        c->stray(c->user, response, late_2xx);
    return true;
}

void txn_client_undeliverable(struct txn_table *t, uint64_t id)
{
    struct client_key key = {.id = id};
    struct txn_client *c = NULL;
    HASH_FIND(hh, t->clients, &key, sizeof key, c);
    if (c && c->state == CLIENT_CALLING)
        client_fail(c, ERR_UNAVAILABLE);
}

void txn_client_end_all(struct txn_table *t)
{
    while (t->clients)
        client_end(t->clients);
}

size_t txn_client_count(const struct txn_table *t)
{
    return HASH_COUNT(t->clients);
}
