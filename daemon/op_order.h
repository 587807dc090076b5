/* What orders of new numbers and of port-ins share. */
#ifndef TRUNKLINE_OP_ORDER_H
#define TRUNKLINE_OP_ORDER_H

#include "op.h"

enum { OP_FIRST_ORDER = 100001 };

/* The fields of a reply as order_get's that every order shows, in the document's order, the last
 * one under status_key. */
void op_order_fields(struct op *op, const struct redisReply *r, const char *status_key);

#endif
