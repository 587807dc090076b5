/* Messages that follow from another by rule: CANCEL and ACK of an INVITE that was sent, and the
 * responses that we make ourselves. */
#ifndef TRUNKLINE_DERIVE_H
#define TRUNKLINE_DERIVE_H

#include "addr.h"
#include "msg.h"
#include "out.h"

/* The CANCEL of a sent INVITE (RFC 3261 §9.1). *ret is malloc'd. */
MUST_CHECK int derive_cancel(struct span invite, char **ret, size_t *ret_n);

/* The ACK of a non-2xx response to a sent INVITE (§17.1.1.3). *ret is malloc'd. */
MUST_CHECK int derive_ack(struct span invite, const struct msg *response, char **ret,
                          size_t *ret_n);

/* A response of our own (§8.2.6): Via, From, To, Call-ID and CSeq of the request, a To tag if it
 * has none and status isn't 100, then `lines` (whole header lines or empty). `source` goes into the
 * topmost Via (received, rport; §18.2.1, RFC 3581). `reason` NULL: the standard phrase. */
void derive_response(struct out *o, const struct msg *request, const struct addr *source,
                     int status, const char *reason, struct span lines);

/* What a server puts into the topmost Via of a request (§18.2.1, RFC 3581): the value of rport if
 * it was asked for, and received where the source isn't what sent-by says or rport is there. A fix
 * replaces `cut`, a part of via->text (empty: an insertion), by `put`. In order of place. */
enum { DERIVE_VIA_FIXES = 2 };
struct derive_via_fix {
    struct span cut;
    char put[80];
};
/* Returns their number. */
size_t derive_via_fixes(const struct via *via, const struct addr *source,
                        struct derive_via_fix ret[DERIVE_VIA_FIXES]);

#endif
