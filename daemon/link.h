/* Signed links to files: "PATH?expires=UNIX_SECONDS&signature=HEX", fetched without a token. The
 * signature (HMAC with the schema's secret) covers path and expiry, and what else the path asks for
 * after its own '?'. */
#ifndef TRUNKLINE_LINK_H
#define TRUNKLINE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "scratch.h"
#include "span.h"

/* Absolute link: base ("https://host") and path, which may end in "?name=value"; NULL: no memory */
char *link_make(struct scratch *mem, const char *secret, const char *base, const char *path,
                int64_t expires_s);

/* Whether path and query, both as received, carry a signature of ours that is not over yet. */
bool link_check(const char *secret, struct span path, struct span query, int64_t now_s);

/* Value of a parameter of a checked link, undecoded; empty when it is not there. */
struct span link_value(struct span query, const char *name);

#endif
