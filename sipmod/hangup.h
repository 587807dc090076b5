/* Calls that we end ourselves. With a BYE to both sides: over their longest duration, by an
 * operator's word, without balance. To one side: those that no call stands for. */
#ifndef TRUNKLINE_HANGUP_H
#define TRUNKLINE_HANGUP_H

#include "core.h"

/* Ends a call of this instance; `reason`: word for the CDR. False: no such call here. */
bool hangup_call(struct core *core, const char *call, const char *reason);

/* A 2xx came to an INVITE whose call is over, or is up with another callee: acknowledges it, and
 * with `bye` ends the dialog that it makes. RFC 3261 §16.7 would pass it on to the caller; but what
 * is up must be counted, and one call has one place. */
void hangup_stray(struct core *core, const struct msg *response, bool bye);

#endif
