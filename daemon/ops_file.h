/* The ops page's files (daemon/ops), which are part of the program. */
#ifndef TRUNKLINE_OPS_FILE_H
#define TRUNKLINE_OPS_FILE_H

#include "http.h"

struct ops_file {
    const char *name, *etag, *text;
};

extern const struct ops_file ops_files[]; /* ends with a NULL name; generated at build time */

/* NULL: no such file. */
const struct ops_file *ops_file_find(struct span name);

/* Fills in the reply: the file, or 304 if the client has it. ERR_NOMEM. */
MUST_CHECK int ops_file_send(const struct ops_file *f, const struct http_request *request,
                             struct http_reply *ret);

#endif
