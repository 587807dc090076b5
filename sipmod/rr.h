/* The parameter that our Record-Route carries through a dialog: accounts and call, so that any
 * instance, a restarted one too, can carry a BYE and finish its call. Signed: nobody can finish
 * another's call or use us as a relay. */
#ifndef TRUNKLINE_RR_H
#define TRUNKLINE_RR_H

#include "mac.h"
#include "msg.h"

enum {
    RR_ACCOUNT = 21,
    RR_CALL_ID = 20, /* letters of a first booking's call id */
    RR_CALL = RR_CALL_ID + 3,
    RR_BOOKINGS = 4,
    RR_GATEWAY = 65,
    RR_TEXT = 256,
    RR_MAC = 16,
};

/* One account's record of a call. */
struct rr_booking {
    char account[RR_ACCOUNT];
    char call[RR_CALL];
};

struct rr {
    struct rr_booking bookings[RR_BOOKINGS]; /* one, on-net several: see booking.h */
    size_t n_bookings;
    uint32_t caller;          /* hash of the caller's From tag */
    char gateway[RR_GATEWAY]; /* where the last of them holds a place; "": nowhere */
};

uint32_t rr_tag_hash(struct span tag);

/* The call id of the booking at `index` of a call whose first one has the id `first`: itself, then
 * "first-1" and so on. */
void rr_call_id(const char *first, size_t index, char ret[RR_CALL]);

/* The first booking's id of any. */
struct span rr_first_id(struct span call);

/* ";tl=ACCOUNT[~ACCOUNT…].CALL.CALLER[.GATEWAY].MAC". Returns buf. */
const char *rr_text(const struct rr *r, const struct mac_key *key, char buf[RR_TEXT]);

/* Reads the parameter among a Route URI's parameters. ERR_NOT_FOUND: none. ERR_INVALID: malformed
 * or not signed with `key`. */
MUST_CHECK int rr_read(struct span uri_params, const struct mac_key *key, struct rr *ret);

/* Whether bytes hold such a parameter, right or wrong: cheap, before any parsing. */
bool rr_in_head(struct span bytes);

#endif
