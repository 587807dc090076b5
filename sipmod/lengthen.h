/* Calls whose longest duration is over: it is what the balance allowed at their admission, so Redis
 * is asked whether there is money for more by now. */
#ifndef TRUNKLINE_LENGTHEN_H
#define TRUNKLINE_LENGTHEN_H

#include "core.h"

/* Lets a call of this instance go on as long as all its bookings allow, or ends it ("longest"),
 * also if Redis doesn't say. */
void lengthen_call(struct core *core, const char *call);

#endif
