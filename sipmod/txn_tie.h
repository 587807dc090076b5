/* Which transactions wait for which connection: each side of a transaction on TCP or TLS may be
 * tied to one, and hears when it is gone. Private to txn*.c. */
#ifndef TRUNKLINE_TXN_TIE_H
#define TRUNKLINE_TXN_TIE_H

#include <stdint.h>

#include "err.h"

struct txn_table;
struct txn_ties; /* all transactions of one connection */
struct txn_tie;

typedef void txn_tie_fn(struct txn_tie *tie);

/* Embedded in its owner; zeroed: not tied. */
struct txn_tie {
    struct txn_tie *prev, *next;
    struct txn_ties *ties;
    txn_tie_fn *broken; /* called once, with the tie undone */
};

/* Undoes an earlier tie. Nothing is tied without memory or for connection 0. */
void txn_tie(struct txn_table *t, struct txn_tie *tie, uint64_t connection, txn_tie_fn *broken);
void txn_untie(struct txn_table *t, struct txn_tie *tie); /* also if it is not tied */
void txn_tie_break(struct txn_table *t, uint64_t connection);

#endif
