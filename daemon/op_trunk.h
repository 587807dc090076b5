/* What the operations on both kinds of trunk groups share. */
#ifndef TRUNKLINE_OP_TRUNK_H
#define TRUNKLINE_OP_TRUNK_H

#include "op.h"
#include "reply.h"

enum { OP_FIRST_TRUNK = 1 };

/* Refuses an address, where one is given, that calls can't go to or come from. */
MUST_CHECK int op_trunk_address(struct op *op, const char *param);

/* The account's trunks of a kind ("in", "out"), or the one that `param` names; refuses an unknown
 * one. param NULL: all. *ret may be set on failure, too: free it. */
MUST_CHECK int op_trunk_list(struct op *op, const char *kind, const char *param,
                             struct redisReply **ret);

/* What is granted at once: NULL: what was asked for; otherwise "0", until the operator grants. */
const char *op_trunk_grant(int64_t asked, int64_t most);

typedef void op_trunk_show_fn(struct op *op, const struct table *t, size_t row);
/* Answers `data` with the trunks of a kind, one if `tg_id` is given. */
MUST_CHECK int op_trunk_show(struct op *op, const char *kind, op_trunk_show_fn *show_row);

#endif
