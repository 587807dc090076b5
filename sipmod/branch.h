/* Branch parameters of our own Via headers (RFC 3261 §8.1.1.7, §16.6 step 8): the cookie, a random
 * transaction id, and a hash of the request by which a loop is seen when it comes back. */
#ifndef TRUNKLINE_BRANCH_H
#define TRUNKLINE_BRANCH_H

#include <stdbool.h>
#include <stdint.h>

#include "msg.h"

enum { BRANCH_TEXT = 36 }; /* with NUL */

/* Unpredictable and unique in this process. */
uint64_t branch_new_id(void);

/* "z9hG4bKtl" id "." loop, in hex. Returns buf. */
const char *branch_text(uint64_t id, uint32_t loop, char buf[BRANCH_TEXT]);

/* False unless the branch is of our making. */
bool branch_read(struct span branch, uint64_t *ret_id, uint32_t *ret_loop);

/* Finds a branch of ours in the first 2 KiB: cheap, before any parsing. */
bool branch_in_head(struct span bytes, uint64_t *ret_id);

/* Hash over what decides where a request goes: Request-URI, Route, From and To tags, Call-ID, CSeq.
 */
uint32_t branch_loop_hash(const struct msg *m);

/* Hash that is the same for each copy of a request, retransmitted or duplicated (RFC 3261 §17.2.3).
 */
uint64_t branch_request_hash(const struct msg *m);

/* 64-bit FNV-1a; start from BRANCH_HASH_START or an earlier result. */
#define BRANCH_HASH_START 0xcbf29ce484222325ULL
uint64_t branch_hash(uint64_t h, struct span s);

#endif
