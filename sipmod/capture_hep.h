/* All messages to a Homer: HEPv3 (https://github.com/sipcapture/HEP, revision 12) over UDP or TCP.
 * Nobody waits for it: what can't be sent is dropped. */
#ifndef TRUNKLINE_CAPTURE_HEP_H
#define TRUNKLINE_CAPTURE_HEP_H

#include "capture_ring.h"

struct capture_hep;

struct capture_hep_counts {
    uint64_t sent, dropped; /* messages */
};

enum { HEP_HEAD = 1024 }; /* bytes of a packet beside the message, at most */

/* Writes a packet; 0: the message is too large for one. `password` may be empty. */
size_t capture_hep_write(const struct capture_message *m, uint32_t id, struct span password,
                         char *buf, size_t cap);

/* `conf` is borrowed. Looks up the host by and by, and again after each failure. */
MUST_CHECK int capture_hep_new(struct capture_hep **ret, uv_loop_t *loop, const struct conf *conf);
void capture_hep_close(struct capture_hep *h); /* frees on the loop; accepts NULL */

void capture_hep_add(struct capture_hep *h, const struct capture_message *m);

struct capture_hep_counts capture_hep_counts(const struct capture_hep *h);

#endif
