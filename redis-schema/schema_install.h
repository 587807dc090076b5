/* What a server holds of the schema, read at one moment, and the change to a bundle. */
#ifndef TRUNKLINE_SCHEMA_INSTALL_H
#define TRUNKLINE_SCHEMA_INSTALL_H

#include "multi.h"
#include "schema_bundle.h"

enum { SCHEMA_ABSENT = -1 };

struct schema_held {
    struct multi read;     /* owned; what follows is borrowed from it */
    int64_t version;       /* or SCHEMA_ABSENT */
    struct span fields[4]; /* of hash `schema`: version, digest, loaded, secret; empty: none */
    struct span dump;      /* of FUNCTION DUMP: all libraries, those of others too */
    const struct redisReply *libraries; /* ours, of FUNCTION LIST WITHCODE */
};

/* Free with schema_held_free, whatever the result. */
MUST_CHECK int schema_held_read(struct redis_pool *p, struct schema_held *ret,
                                char error[SCHEMA_ERROR]);
void schema_held_free(struct schema_held *h);

/* Whether the server holds exactly this bundle, code and all. */
bool schema_held_is(const struct schema_held *h, const struct schema_bundle *b);

/* Loads all libraries and writes version and digest in one transaction; when a library is refused,
 * puts back what was held. */
MUST_CHECK int schema_install(struct redis_pool *p, const struct schema_held *held,
                              const struct schema_bundle *b, char error[SCHEMA_ERROR]);

#endif
