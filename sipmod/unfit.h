/* What a proxy refuses before it forwards anything (RFC 3261 §16.3). */
#ifndef TRUNKLINE_UNFIT_H
#define TRUNKLINE_UNFIT_H

#include "core.h"

/* Answers a request that is unfit, without a transaction. True: it was. */
bool unfit_refused(struct core *core, const struct msg *m, const struct flow *from);

#endif
