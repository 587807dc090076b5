/* Looks through the ring for the messages of a call, a slice at a time, so that calls need not
 * wait. */
#ifndef TRUNKLINE_CAPTURE_SCAN_H
#define TRUNKLINE_CAPTURE_SCAN_H

#include "capture_ring.h"
#include "mac.h"

struct capture_scans;
struct capture_scan;

/* `m`: the next message of the call, borrowed for the call of fn; NULL: there are no more now, and
 * the scan is over. */
typedef void capture_scan_fn(void *arg, const struct capture_message *m);

/* `ring` may be NULL: then every scan ends without a message. */
MUST_CHECK int capture_scans_new(struct capture_scans **ret, uv_loop_t *loop,
                                 const struct capture_ring *ring);
void capture_scans_close(struct capture_scans *s); /* ends all silently; accepts NULL */

/* `what`: a Call-ID, or our id of a call. `key`: that ids are derived with, borrowed; NULL: not
 * known, so that calls that were not forwarded can't be found by id. */
MUST_CHECK int capture_scan_start(struct capture_scan **ret, struct capture_scans *s,
                                  struct span what, const struct mac_key *key, capture_scan_fn *fn,
                                  void *arg);
void capture_scan_stop(struct capture_scan *scan); /* silently */

#endif
