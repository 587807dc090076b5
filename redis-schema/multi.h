/* A MULTI … EXEC that goes out in one write on one connection. */
#ifndef TRUNKLINE_MULTI_H
#define TRUNKLINE_MULTI_H

#include "schema.h"

struct multi {
    struct cmd *cmds; /* MULTI, n commands, EXEC */
    struct redisReply **replies;
    size_t n; /* without MULTI and EXEC */
};

/* For n commands, to be filled in through multi_at; end with multi_free. */
MUST_CHECK int multi_begin(struct multi *m, size_t n);
struct cmd *multi_at(struct multi *m, size_t i);

/* ERR_OK: it was executed, multi_reply tells each command's reply, an error perhaps.
 * Otherwise one line is in error. */
MUST_CHECK int multi_run(struct redis_pool *p, struct multi *m, char error[SCHEMA_ERROR]);
const struct redisReply *multi_reply(const struct multi *m, size_t i);

void multi_free(struct multi *m); /* accepts one that multi_begin could not make */

#endif
