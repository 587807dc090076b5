/* One reading of the store for the ops page: bounded, whatever there is to read. */
#ifndef TRUNKLINE_OPS_READ_H
#define TRUNKLINE_OPS_READ_H

#include "ops_board.h"
#include "service.h"

/* `turn`: number of this reading; some things are read in every so manieth only. What can't be
 * read is told in b->up and b->trouble. ERR_NOMEM. */
MUST_CHECK int ops_read(struct ops_board *b, struct service *service, int64_t turn);

#endif
