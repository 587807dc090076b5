/* What is loaded: generated from lib/ and part/ by bundle.cmake; tests make bundles of their own.
 */
#ifndef TRUNKLINE_SCHEMA_BUNDLE_H
#define TRUNKLINE_SCHEMA_BUNDLE_H

#include "schema.h"

struct schema_library {
    const char *name; /* "trunkline_NAME", as in the code's first line */
    const char *code;
};

struct schema_bundle {
    int64_t version;
    const char *digest; /* SHA-256 of all code, hex */
    const struct schema_library *libraries;
    size_t count;
};

extern const struct schema_bundle schema_bundle;

/* schema_load of any bundle. */
MUST_CHECK int schema_load_bundle(struct redis_pool *p, const struct schema_bundle *b,
                                  char error[SCHEMA_ERROR]);

#endif
