/* What a server holds of the schema, read at one moment, and the change to a bundle. */
#ifndef TRUNKLINE_SCHEMA_INSTALL_H
#define TRUNKLINE_SCHEMA_INSTALL_H

#include "multi.h"
#include "schema_bundle.h"

enum { SCHEMA_ABSENT = -1 };

struct schema_held {
    struct multi read; /* owned; what follows is borrowed from it */
    int64_t version;   /* or SCHEMA_ABSENT */
    struct span
        fields[5];    /* of hash `schema`: version, digest, loaded, release, secret; or empty */
    struct span dump; /* of FUNCTION DUMP: all libraries, those of others too */
    const struct redisReply *libraries; /* ours, of FUNCTION LIST WITHCODE */
};

/* Of libraries of the same version but another digest: who loaded them. */
enum schema_build { SCHEMA_SAME_BUILD, SCHEMA_OTHER_BUILD, SCHEMA_LATER_BUILD };
struct span schema_held_release(const struct schema_held *h); /* empty: not told */
enum schema_build schema_held_build(const struct schema_held *h, const struct schema_bundle *b);

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
