/* Who calls and who forwarded, as a proxy at the edge of a trusted domain tells it: RFC 3325
 * (P-Asserted-Identity, Privacy), RFC 5806 (Diversion), RFC 7044 (History-Info). Listed sources and
 * gateways are trusted, customers' trunks are told what the caller lets them know. */
#ifndef TRUNKLINE_IDENTITY_H
#define TRUNKLINE_IDENTITY_H

#include "msg.h"
#include "out.h"

/* Whether the caller asks that P-Asserted-Identity stays in the trusted domain. */
bool identity_is_private(const struct msg *request);

/* Whether the caller asks not to be named (RFC 3323): any Privacy but none. */
bool identity_is_anonymous(const struct msg *request);

/* A name as what stands before the URI of a From: a quoted string and a space (RFC 3261 §25.1). */
void identity_display(struct out *o, const char *name);

/* Whether the caller asks that what the request tells of its way stays there (RFC 7044 §10.1: the
 * priv-values history, session and header). */
bool identity_is_history_private(const struct msg *request);

/* A number of ours that a call goes on from, to another one. */
struct identity_step {
    const char *number; /* ten digits */
    int status;         /* SIP status for which it goes on; 0: nobody was tried */
};

struct identity_forward {
    const struct identity_step *steps; /* in the order of the call */
    size_t n;
    struct span us; /* host:port */
    struct span to; /* the new Request-URI */
};

/* Header lines, to stand above Diversions that are there. */
void identity_diversion(struct out *o, const struct identity_forward *f);

/* Header lines, to stand below History-Info that is there: its chain is continued. */
void identity_history(struct out *o, const struct msg *request, const struct identity_forward *f);

#endif
