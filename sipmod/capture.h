/* All messages that pass (transport_events.seen): kept for a while in a ring, told to the traces
 * that are about them, and where it is set written to files and sent to Homer. */
#ifndef TRUNKLINE_CAPTURE_H
#define TRUNKLINE_CAPTURE_H

#include "capture_file.h"
#include "capture_hep.h"
#include "capture_trace.h"
#include "conf.h"

struct capture;

/* `conf` is borrowed. */
MUST_CHECK int capture_new(struct capture **ret, uv_loop_t *loop, const struct conf *conf);
void capture_close(struct capture *c); /* after transport and store; accepts NULL */

/* Where traces are, and whose name files get; once. */
MUST_CHECK int capture_link(struct capture *c, struct store *store);

/* A transport_events.seen. */
void capture_message(void *capture, const struct transport_message *m);

/* Position of the latest message, for capture_booking. */
uint64_t capture_mark(const struct capture *c);

/* A call is led to an account or number: traces that are about it follow the call. */
void capture_booking(struct capture *c, const struct capture_booking *b);

struct capture_counts {
    uint64_t ring, left_out; /* messages; left out: by TLS, without capture.tls */
    struct capture_trace_counts trace;
    struct capture_file_counts file;
    struct capture_hep_counts hep;
};
struct capture_counts capture_counts(const struct capture *c);

#endif
