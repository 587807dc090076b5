#include "txn_tie.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "txn_table.h"

struct txn_ties {
    UT_hash_handle hh;
    uint64_t connection;
    struct txn_tie *list;
    bool breaking;
};

static struct txn_ties *find(struct txn_table *t, uint64_t connection)
{
    struct txn_ties *ties;
    HASH_FIND(hh, t->ties, &connection, sizeof connection, ties);
    return ties;
}

static void drop(struct txn_table *t, struct txn_ties *ties)
{
    HASH_DEL(t->ties, ties);
    free(ties);
}

void txn_untie(struct txn_table *t, struct txn_tie *tie)
{
    struct txn_ties *ties = tie->ties;
    if (!ties)
        return;
    DL_DELETE(ties->list, tie);
    tie->ties = NULL;
    if (!ties->list && !ties->breaking)
        drop(t, ties);
}

void txn_tie(struct txn_table *t, struct txn_tie *tie, uint64_t connection, txn_tie_fn *broken)
{
    txn_untie(t, tie);
    struct txn_ties *ties = connection ? find(t, connection) : NULL;
    if (connection && !ties) {
        ties = calloc(1, sizeof *ties);
        if (!ties)
            return;
        ties->connection = connection;
        HASH_ADD(hh, t->ties, connection, sizeof ties->connection, ties);
    }
    if (!ties)
        return;
    tie->ties = ties;
    tie->broken = broken;
    DL_APPEND(ties->list, tie);
}

void txn_tie_break(struct txn_table *t, uint64_t connection)
{
    struct txn_ties *ties = find(t, connection);
    if (!ties)
        return;
    ties->breaking = true; /* whoever is told may undo other ties */
    while (ties->list) {
        struct txn_tie *tie = ties->list;
        txn_untie(t, tie);
        tie->broken(tie);
    }
    drop(t, ties);
}
