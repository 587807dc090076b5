/* The schema in Redis: the function libraries and their version (KEYS.md). */
#ifndef TRUNKLINE_SCHEMA_H
#define TRUNKLINE_SCHEMA_H

#include <stdbool.h>

#include "redis.h"

enum {
    SCHEMA_VERSION =
        1, /* raised when a key or a function changes in a way that old programs can't bear */
    SCHEMA_ERROR = 256,
};

/* Brings the server to this program's schema: loads the libraries when they are missing or others,
 * upgrades an older schema, makes `schema.secret` once. All or nothing: on failure the server keeps
 * the libraries that it had. Safe when several programs do it at once. On failure one line is in
 * error; ERR_VERSION: the server's schema is newer. */
MUST_CHECK int schema_load(struct redis_pool *p, char error[SCHEMA_ERROR]);

/* The server was reached and holds no schema, or lacks the functions: emptied while programs run.
 */
bool schema_is_lost(struct redis_pool *p);

/* For programs that load nothing: ERR_VERSION unless the server's schema is of this version. */
MUST_CHECK int schema_check(struct redis_pool *p, char error[SCHEMA_ERROR]);

#endif
