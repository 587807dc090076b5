/* The endpoints: one table drives dispatch, validation, the OpenAPI document and tests. */
#ifndef TRUNKLINE_ENDPOINT_H
#define TRUNKLINE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "param.h"
#include "request.h"

struct op;

/* Fills the op's answer. ERR_REFUSED: the answer holds the refusal; other errors become 500 or 503.
 */
typedef int endpoint_fn(struct op *op);

enum endpoint_access {
    ENDPOINT_READ,  /* GET and POST */
    ENDPOINT_WRITE, /* POST */
    ENDPOINT_PAY,   /* POST; waits for a payment gateway, on a thread of its own */
};

/* What a token must be allowed to do: one of these, or all. */
enum endpoint_scope {
    ENDPOINT_SCOPE_READ,
    ENDPOINT_SCOPE_WRITE,
    ENDPOINT_SCOPE_BILLING, /* money: invoices, bookings, payments; reads as well */
};

/* What a reply tells, and nothing else but settings, if it may be kept (kept.h). */
enum endpoint_kept {
    ENDPOINT_KEPT_NOT,
    ENDPOINT_KEPT_ACCOUNT,  /* of the account what has a revision */
    ENDPOINT_KEPT_STATE,    /* inventory of the parameter `state` */
    ENDPOINT_KEPT_TOLLFREE, /* inventory of toll-free numbers */
    ENDPOINT_KEPT_STATS,    /* statistics of the parameter `number`, if it is one */
};

struct endpoint {
    const char *name;
    const char *tag; /* chapter of the document */
    const char *title, *doc;
    enum endpoint_access access;
    enum endpoint_scope scope;
    endpoint_fn *run;
    /* After token and accountno, in the document's order; a row without name ends the list. */
    const struct param *params;
    /* Keys of a success after "status", in order, by spaces: "key" text, "key[]" list of texts,
     * "key?" boolean, "key[{ … }]" list of objects, "key_with_spaces" between quotes. A '+' in
     * front marks an addition to the document, a '~' one that comes only when paging is asked for.
     */
    const char *reply;
    enum endpoint_kept kept;
};

extern const struct endpoint endpoints[];
extern const size_t endpoint_count;
extern const struct param endpoint_token, endpoint_account;

/* NULL if there is none. */
const struct endpoint *endpoint_find(struct span name);

/* As in a token: "read". */
const char *endpoint_scope_text(enum endpoint_scope scope);

/* Other spellings of a parameter: a NULL-terminated list with `name` in it, or NULL. */
const char *const *endpoint_aliases(const char *name);

/* Whether a name is the parameter's, in any of its spellings. */
bool endpoint_is_named(const struct param *p, struct span name);
/* Whether it is one of the endpoint's parameters, or the account or token. */
bool endpoint_knows(const struct endpoint *e, struct span name);

struct args {
    const struct endpoint *endpoint;
    struct arg *values; /* one a row of endpoint->params */
};

/* Which parameter is bad, and why. */
struct endpoint_fault {
    const char *param, *detail; /* detail in the request's scratch, or static */
};

/* Reads one parameter under any of its spellings. ERR_INVALID: ret_detail says why; ERR_NOMEM. */
MUST_CHECK int endpoint_read_one(const struct request *r, const struct param *p, struct arg *ret,
                                 const char **ret_detail);

/* Reads all in order. ERR_INVALID: the first bad one is in ret_fault; ERR_NOMEM. */
MUST_CHECK int endpoint_read(const struct endpoint *e, const struct request *r, struct args *ret,
                             struct endpoint_fault *ret_fault);

#endif
