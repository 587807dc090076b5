/* Calls that we end ourselves, with a BYE to both sides: over their longest duration, by an
 * operator's word, without balance. */
#ifndef TRUNKLINE_HANGUP_H
#define TRUNKLINE_HANGUP_H

#include "core.h"

/* Ends a call of this instance; `reason`: word for the CDR. False: no such call here. */
bool hangup_call(struct core *core, const char *call, const char *reason);

#endif
