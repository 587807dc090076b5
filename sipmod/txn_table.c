#include "txn_table.h"

#include <stdlib.h>

enum { T2_MS = 4000, T4_MS = 5000 }; /* RFC 3261 table 4 */

int txn_table_new(struct txn_table **ret, struct timer_wheel *wheel, uint64_t t1_ms)
{
    struct txn_table *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->wheel = wheel;
    t->t1 = t1_ms;
    t->t2 = T2_MS;
    t->t4 = T4_MS;
    *ret = t;
    return ERR_OK;
}

void txn_disconnected(struct txn_table *t, uint64_t connection, txn_lost_fn *lost)
{
    t->lost = lost;
    txn_tie_break(t, connection);
}

void txn_table_free(struct txn_table *t)
{
    if (!t)
        return;
    txn_server_end_all(t);
    txn_client_end_all(t);
    free(t);
}

struct txn_counts txn_table_counts(const struct txn_table *t)
{
    struct txn_counts counts = t->counts;
    counts.servers = txn_server_count(t);
    counts.clients = txn_client_count(t);
    return counts;
}
