/* The schema in Redis: the function libraries and their version (KEYS.md). */
#ifndef TRUNKLINE_SCHEMA_H
#define TRUNKLINE_SCHEMA_H

#include <stdbool.h>

#include "redis.h"

enum {
    SCHEMA_VERSION =
        2, /* raised when a key or a function changes in a way that old programs can't bear */
    SCHEMA_ERROR = 256,
};

/* Brings the server to this program's schema: loads the libraries when they are missing or others,
 * upgrades an older schema, makes `schema.secret` once. All or nothing: on failure the server keeps
 * the libraries that it had. Of the same version the libraries of a later release (`release` in the
 * hash) stay, those of another build are replaced: error tells, though the result is ERR_OK. Safe
 * when several programs do it at once. On failure one line is in error; ERR_VERSION: the server's
 * schema is newer. */
MUST_CHECK int schema_load(struct redis_pool *p, char error[SCHEMA_ERROR]);

/* The same, but libraries of a later release are replaced as well: for going back. */
MUST_CHECK int schema_replace(struct redis_pool *p, char error[SCHEMA_ERROR]);

/* What became of the schema while programs run. */
enum schema_state {
    SCHEMA_UNKNOWN,  /* the server can't be asked */
    SCHEMA_OURS,     /* as this program loads it */
    SCHEMA_ANOTHERS, /* of our version, but of another build */
    SCHEMA_NEWER,    /* of a version that we don't know; one line is in error */
    SCHEMA_LOST,     /* none, an older one, or no functions: emptied, or put back from a backup */
};
enum schema_state schema_look(struct redis_pool *p, int64_t *ret_version, char error[SCHEMA_ERROR]);

/* For programs that load nothing: ERR_VERSION unless the server's schema is of this version. */
MUST_CHECK int schema_check(struct redis_pool *p, char error[SCHEMA_ERROR]);

#endif
