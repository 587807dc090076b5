/* What captures must know of a message without understanding it: junk is captured as well. */
#ifndef TRUNKLINE_CAPTURE_FIND_H
#define TRUNKLINE_CAPTURE_FIND_H

#include "span.h"

enum { CAPTURE_CALL_ID = 255 }; /* bytes of the longest Call-ID that is followed */

/* Value of the first Call-ID header (RFC 3261 §20.8); empty: none, or nothing that a Call-ID may
 * be. */
struct span capture_find_call_id(struct span message);

/* Whether it is an INVITE to, or one that says to be from, a telephone number: digits, in the user
 * part of the Request-URI or of From, with or without a country code 1. */
bool capture_find_number(struct span message, struct span digits);

/* Our id of its call, where it carries one (rr.h); empty: it does not. */
struct span capture_find_id(struct span message);

/* Whether it carries our id of a call (rr.h). */
bool capture_find_call(struct span message, struct span call);

#endif
