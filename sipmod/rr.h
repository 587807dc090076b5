/* The parameter that our Record-Route carries through a dialog: account and call, so that any
 * instance, a restarted one too, can carry a BYE and finish its call. Signed: nobody can finish
 * another's call or use us as a relay. */
#ifndef TRUNKLINE_RR_H
#define TRUNKLINE_RR_H

#include "mac.h"
#include "msg.h"

enum { RR_ACCOUNT = 21, RR_CALL = 21, RR_GATEWAY = 65, RR_TEXT = 160, RR_MAC = 16 };

struct rr {
    char account[RR_ACCOUNT];
    char call[RR_CALL];
    uint32_t caller;          /* hash of the caller's From tag */
    char gateway[RR_GATEWAY]; /* where it holds a place; "": nowhere */
};

uint32_t rr_tag_hash(struct span tag);

/* ";tl=ACCOUNT.CALL.CALLER[.GATEWAY].MAC". Returns buf. */
const char *rr_text(const struct rr *r, const struct mac_key *key, char buf[RR_TEXT]);

/* Reads the parameter among a Route URI's parameters. ERR_NOT_FOUND: none. ERR_INVALID: malformed
 * or not signed with `key`. */
MUST_CHECK int rr_read(struct span uri_params, const struct mac_key *key, struct rr *ret);

/* Whether bytes hold such a parameter, right or wrong: cheap, before any parsing. */
bool rr_in_head(struct span bytes);

#endif
