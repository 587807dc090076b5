/* All messages as pcap files, written by a thread of libuv's pool: a bounded number of files of a
 * bounded size. A disk that is full or slow costs messages of the capture, never a call. */
#ifndef TRUNKLINE_CAPTURE_FILE_H
#define TRUNKLINE_CAPTURE_FILE_H

#include "capture_ring.h"

struct capture_file;

struct capture_file_counts {
    uint64_t written, dropped; /* messages */
};

/* `node` names the files: NODE-YYYYMMDDTHHMMSS.uuuuuuZ.pcap. `conf` is borrowed. */
MUST_CHECK int capture_file_new(struct capture_file **ret, uv_loop_t *loop, const struct conf *conf,
                                const char *node);
/* Writes what waits; frees on the loop. Accepts NULL. */
void capture_file_close(struct capture_file *f);

void capture_file_add(struct capture_file *f, const struct capture_message *m);

struct capture_file_counts capture_file_counts(const struct capture_file *f);

#endif
