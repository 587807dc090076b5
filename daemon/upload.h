/* Documents that customers send: told by their first bytes, kept under names of our own, never
 * unpacked. The name that the client gave is not looked at. */
#ifndef TRUNKLINE_UPLOAD_H
#define TRUNKLINE_UPLOAD_H

#include "err.h"
#include "scratch.h"
#include "span.h"

enum { UPLOAD_MAX_BYTES = 10 << 20 };

/* NULL when it is a document that is taken, else why not. */
const char *upload_refusal(struct span content);

/* Writes it below `dir`, safe on disk before this returns. *ret_name: "portin/RANDOM.pdf" in mem.
 * ERR_INVALID: upload_refusal says why; ERR_SYSTEM: errno tells; ERR_NOMEM. */
MUST_CHECK int upload_store(const char *dir, struct span content, struct scratch *mem,
                            const char **ret_name);

#endif
