/* From the Request-URI of an INVITE to an E.164 number, as carriers and customers write it: escaped
 * or with visual separators, with tel parameters inside (npdi, rn: the number dialled counts, not
 * the routing number), local to a phone-context (RFC 3966), 011 before international numbers. */
#ifndef TRUNKLINE_DIAL_H
#define TRUNKLINE_DIAL_H

#include "msg.h"
#include "phone.h"

enum dial {
    DIAL_NUMBER,  /* E.164 digits */
    DIAL_SERVICE, /* 911, 411, a short code: not for a trunk like this */
    DIAL_INVALID,
};

/* A number of ours that a carrier sends: ten digits. */
enum dial dial_inbound(const struct uri *u, struct phone *ret);

/* What a customer dialled. NANP numbers come out with the leading 1. */
enum dial dial_outbound(const struct uri *u, char ret[PHONE_E164_MAX + 1]);

#endif
