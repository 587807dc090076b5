/* Transactions (RFC 3261 §17 with RFC 6026): retransmission, matching and their timers, no routing.
 * Over TCP and TLS nothing is retransmitted by us (timers A, E, G) and nothing is kept for a peer's
 * retransmissions (D, I, J, K); the others apply to all. */
#ifndef TRUNKLINE_TXN_H
#define TRUNKLINE_TXN_H

#include "msg.h"
#include "timer.h"
#include "transport.h"

struct txn_table; /* all transactions of an instance */
struct txn_server;
struct txn_client;

MUST_CHECK int txn_table_new(struct txn_table **ret, struct timer_wheel *wheel, uint64_t t1_ms);
/* Ends all transactions, telling their users; accepts NULL. */
void txn_table_free(struct txn_table *t);

/* A connection is gone (transport_events). Requests without any response fail with
 * ERR_UNAVAILABLE. INVITEs that came on it and wait for their final response: the latest response
 * goes out again by a connection to where they came from; if there is none to be had, `lost` is
 * called, since nobody will hear how they end. */
typedef void txn_lost_fn(struct txn_server *s);
void txn_disconnected(struct txn_table *t, uint64_t connection, txn_lost_fn *lost);

struct txn_counts {
    size_t servers, clients;
    size_t pending; /* server transactions without a final response */
    /* Since the start: */
    uint64_t resent_requests, resent_responses; /* by our timers, or asked for by a repeat */
    uint64_t repeated;                          /* requests that came again */
    uint64_t timeouts;                          /* requests of ours without a final response */
};
struct txn_counts txn_table_counts(const struct txn_table *t);

/* ---- server ---- */

/* The transaction is gone after this call; its request too. */
typedef void txn_server_ended_fn(void *user);

/* Matches by branch and sent-by (§17.2.3), or for RFC 2543 peers by the whole of what identifies a
 * request. ACK finds the INVITE's transaction, CANCEL the one that it cancels. NULL: none. */
struct txn_server *txn_server_find(struct txn_table *t, const struct msg *m);

/* Opens a transaction for a request that isn't ACK or CANCEL. Takes `request` on success.
 * `reply_to`: where responses go (§18.2.2, RFC 3581). */
MUST_CHECK int txn_server_new(struct txn_table *t, struct msg *request, const struct flow *reply_to,
                              struct txn_server **ret);
void txn_server_set_user(struct txn_server *s, void *user, txn_server_ended_fn *ended);
void *txn_server_user(const struct txn_server *s);

/* The same request came again: the latest response, if there is one, goes out again. */
void txn_server_repeated(struct txn_server *s);
/* The ACK of a non-2xx final response came. */
void txn_server_acked(struct txn_server *s);

/* Sends a response and keeps it for retransmission. The first final response ends the request's
 * life in the transaction; of later ones only 2xx to an INVITE pass (RFC 6026). */
void txn_server_send(struct txn_server *s, int status, struct span bytes);

/* The request; valid until the first final response was sent. NULL afterwards. */
const struct msg *txn_server_request(const struct txn_server *s);
const struct flow *txn_server_reply_to(const struct txn_server *s);
int txn_server_status(const struct txn_server *s); /* latest sent, 0: none */

/* ---- client ---- */

struct txn_client_events {
    /* A response that isn't a retransmission; every 2xx to an INVITE counts as new. Borrowed. */
    void (*response)(void *user, const struct msg *response);
    /* No final response: ERR_TIMEOUT (timer B or F) or ERR_UNAVAILABLE (can't be delivered, of TCP
     * and TLS the connection is gone). The transaction is gone. */
    void (*failed)(void *user, int err);
    /* The transaction is gone, some time after its final response. */
    void (*ended)(void *user);
};

/* Sends a request whose topmost Via has branch_text(id). Copies bytes. Not for ACK. */
MUST_CHECK int txn_client_new(struct txn_table *t, uint64_t id, enum method method,
                              const struct flow *to, struct span bytes,
                              const struct txn_client_events *events, void *user,
                              struct txn_client **ret);

/* Cancels an INVITE (§9.1): at once if a provisional response came, else when one comes. */
void txn_client_cancel(struct txn_client *c);

/* The user goes away: no more events. An INVITE without a final response is cancelled. */
void txn_client_detach(struct txn_client *c); /* accepts NULL */

/* The same of an INVITE that may still be answered: `stray` is told of each 2xx, which nobody
 * else will acknowledge; `again`: not the first. */
typedef void txn_stray_fn(void *user, const struct msg *response, bool again);
void txn_client_abandon(struct txn_client *c, txn_stray_fn *stray, void *user); /* accepts NULL */

/* Hands a response in. False: no such transaction; it must be dropped (RFC 6026 §7.3). */
bool txn_client_receive(struct txn_table *t, const struct msg *response);

/* The request of transaction `id` can't be delivered. Ignored once a response came. */
void txn_client_undeliverable(struct txn_table *t, uint64_t id);

#endif
