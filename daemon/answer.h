/* The JSON body of a reply: "status":"200" and fields in order, or the contract's failure.
 * A failed allocation is remembered and comes out of answer_render. */
#ifndef TRUNKLINE_ANSWER_H
#define TRUNKLINE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

enum answer_code {
    ANSWER_OK,
    ANSWER_INVALID_PARAMETER,
    ANSWER_INVALID_TOKEN,
    ANSWER_INVALID_ACCOUNT,
    ANSWER_SCOPE,
    ANSWER_ADDRESS,
    ANSWER_INSUFFICIENT_BALANCE,
    ANSWER_NO_NUMBERS,
    ANSWER_PAYMENT_DECLINED,
    ANSWER_PAYMENT_PENDING,
    ANSWER_PAYMENT_CONFLICT,
    ANSWER_PAYMENT_UNAVAILABLE,
    ANSWER_IDEMPOTENCY,
    ANSWER_NOT_FOUND,
    ANSWER_BAD_REQUEST,
    ANSWER_FRAMING,
    ANSWER_METHOD,
    ANSWER_TOO_LARGE,
    ANSWER_MEDIA_TYPE,
    ANSWER_TOO_MANY,
    ANSWER_INTERNAL,
    ANSWER_UNAVAILABLE,
    ANSWER_CODES
};

struct answer_code_info {
    int http;
    const char *code;  /* stable name */
    const char *error; /* text of `error`; NULL: "Invalid PARAM" */
    const char *doc;
};
extern const struct answer_code_info answer_codes[ANSWER_CODES];

struct answer;

MUST_CHECK int answer_new(struct answer **ret);
void answer_free(struct answer *a); /* accepts NULL */

/* Fields of a success. Within an open list `key` is NULL. */
void answer_text(struct answer *a, const char *key, const char *text);
void answer_int(struct answer *a, const char *key, int64_t number);   /* as a string */
void answer_money(struct answer *a, const char *key, int64_t amount); /* two decimals */
void answer_time(struct answer *a, const char *key, int64_t unix_ms); /* empty when 0 */
void answer_bool(struct answer *a, const char *key, bool value);
void answer_list(struct answer *a, const char *key);
void answer_object(struct answer *a, const char *key);
void answer_close(struct answer *a); /* the innermost list or object */

/* Turns the reply into a failure and returns ERR_REFUSED. Texts are copied; detail may be NULL. */
MUST_CHECK int answer_refuse(struct answer *a, enum answer_code code, const char *detail);
MUST_CHECK int answer_invalid(struct answer *a, const char *param, const char *detail);

/* Makes a body that answer_render gave before this reply's own. ERR_PROTOCOL: it is none. */
MUST_CHECK int answer_load(struct answer *a, struct span body);

enum answer_code answer_result(const struct answer *a);
const char *answer_error(const struct answer *a); /* text of `error`; "" of a success */

/* The body as text for free(). ERR_NOMEM: an allocation failed, now or before. */
MUST_CHECK int answer_render(struct answer *a, const char *request_id, char **ret);

#endif
