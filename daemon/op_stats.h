/* A row of statistics, as all endpoints of statistics show it. */
#ifndef TRUNKLINE_OP_STATS_H
#define TRUNKLINE_OP_STATS_H

#include "op.h"
#include "reply.h"

/* Row of a stats_get reply. month: NULL, or the text after `number`; trunk: adds `tg_id`. */
void op_stats_show(struct op *op, const struct table *t, size_t row, const char *month, bool trunk);

#endif
