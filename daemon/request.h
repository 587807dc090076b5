/* A request's parameters as raw text, whatever the encoding: query, form, multipart or flat JSON.
 * Nothing is interpreted here; what is wrong with a value is remembered, so that the refusal can
 * name the parameter as its endpoint spells it. */
#ifndef TRUNKLINE_REQUEST_H
#define TRUNKLINE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "scratch.h"
#include "span.h"

enum {
    REQUEST_PARAMS_MAX = 64,
    REQUEST_NAME_MAX = 64,
    REQUEST_VALUE_MAX = 32768, /* bytes; files are bounded by the body alone */
};

enum request_flaw {
    REQUEST_FINE,
    REQUEST_REPEATED, /* twice, or in the query and in the body */
    REQUEST_CONTROL,  /* NUL or another control character */
    REQUEST_ENCODING, /* bad percent escape, or no UTF-8 */
    REQUEST_NESTED,   /* JSON array or object */
    REQUEST_TOO_LONG,
};

struct request_param {
    struct span name, value; /* decoded */
    struct span file_name;   /* multipart with a file name: .p set */
    enum request_flaw flaw;
};

/* Starts as {.mem = …}. Spans live as long as mem and the texts that were given. */
struct request {
    struct scratch *mem;
    struct request_param params[REQUEST_PARAMS_MAX];
    size_t n;
    const char *fault; /* what is malformed, after ERR_INVALID */
};

/* "a=1&b=2", as after the '?' of a URI or in a form. ERR_INVALID: too many parameters; ERR_NOMEM.
 */
MUST_CHECK int request_add_query(struct request *r, struct span query);

/* A body by its Content-Type; an empty body adds nothing.
 * ERR_REFUSED: no type that is understood; ERR_INVALID: malformed as a whole; ERR_NOMEM. */
MUST_CHECK int request_add_body(struct request *r, struct span content_type, struct span body);

const char *request_flaw_text(enum request_flaw flaw); /* what it says to the client */

/* For the decoders (request_json.c, request_multipart.c): */

/* Adds one decoded parameter and looks for flaws unless one is given. Results as above. */
MUST_CHECK int request_add(struct request *r, const struct request_param *param);
/* Notes what is malformed; returns ERR_INVALID. */
MUST_CHECK int request_malformed(struct request *r, const char *fault);
MUST_CHECK int request_json(struct request *r, struct span body);
MUST_CHECK int request_multipart(struct request *r, struct span content_type, struct span body);
/* Value of "; name=value" or "; name=\"value\"" in a header's parameters; false if there is none.
 */
bool request_attribute(struct span header, const char *name, struct span *ret);

#endif
