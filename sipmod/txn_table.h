/* What server and client transactions share. Private to txn*.c. */
#ifndef TRUNKLINE_TXN_TABLE_H
#define TRUNKLINE_TXN_TABLE_H

#include "txn.h"
#include "txn_tie.h"

struct txn_table {
    struct timer_wheel *wheel;
    uint64_t t1, t2, t4;        /* ms */
    struct txn_server *servers; /* uthash by key */
    struct txn_client *clients; /* uthash by id and method */
    struct txn_ties *ties;      /* uthash by connection */
    txn_lost_fn *lost;          /* while txn_disconnected runs */
    struct txn_counts counts;   /* servers and clients apart, which the tables know */
};

static inline bool txn_is_reliable(const struct flow *flow)
{
    return transport_protocol(flow->listener) != PROTOCOL_UDP;
}

/* End every transaction of one side, telling users. */
void txn_server_end_all(struct txn_table *t);
void txn_client_end_all(struct txn_table *t);
size_t txn_server_count(const struct txn_table *t);
size_t txn_client_count(const struct txn_table *t);

#endif
