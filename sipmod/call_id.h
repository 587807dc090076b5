/* Ids of calls. The same INVITE has the same id, wherever and however often it arrives: 80 bits of
 * a MAC by the secret that all instances share. */
#ifndef TRUNKLINE_CALL_ID_H
#define TRUNKLINE_CALL_ID_H

#include "mac.h"
#include "rr.h"

/* `via`: the caller's. */
void call_id_derive(const struct mac_key *key, const struct msg *invite, const struct via *via,
                    char ret[RR_CALL_ID + 1]);

#endif
