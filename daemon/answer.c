#include "answer.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "money.h"

enum { DEPTH_MAX = 6 };

const struct answer_code_info answer_codes[ANSWER_CODES] = {
    [ANSWER_OK] = {200, "ok",                     "",                       "Success."                   },
    [ANSWER_INVALID_PARAMETER] = {404, "invalid_parameter",      NULL,
                   "A parameter is missing, malformed, or names something that is "
                                  "not there or not yours."                                              },
    [ANSWER_INVALID_TOKEN] = {404, "invalid_token",          "Invalid token",
                   "The token is not one of the account's, or has ended."                                },
    [ANSWER_INVALID_ACCOUNT] = {404, "invalid_account",        "Invalid accountno",
                   "The account number is malformed, unknown or closed."                                 },
    [ANSWER_SCOPE] =
        {404, "scope_required",         "Invalid token",
                   "The token's scopes don't cover this endpoint; `detail` names the one it needs."      },
    [ANSWER_ADDRESS] = {404, "address_not_allowed",    "Invalid token",
                   "The token may not be used from this address; `detail` names it."                     },
    [ANSWER_INSUFFICIENT_BALANCE] = {404, "insufficient_balance",   "Insufficient balance",
                   "The account's balance does not cover the amount."                                    },
    [ANSWER_NO_NUMBERS] = {404, "no_numbers",             "No numbers available",
                   "Nothing is free where you asked."                                                    },
    [ANSWER_PAYMENT_DECLINED] = {404, "payment_declined",       "Payment declined",
                   "The card was not charged; `detail` has the gateway's reason."                        },
    [ANSWER_PAYMENT_PENDING] =
        {404, "payment_pending",        "Payment pending",
                   "The gateway has not answered yet. Nothing is charged twice: get_payments "
         "shows the outcome."                                                                            },
    [ANSWER_PAYMENT_CONFLICT] = {404, "payment_conflict",       "Payment conflict",
                   "The Idempotency-Key was used for another card or amount."                            },
    [ANSWER_PAYMENT_UNAVAILABLE] = {404, "payment_unavailable",    "Payment unavailable",
                   "Payments by card are not offered here."                                              },
    [ANSWER_IDEMPOTENCY] =
        {404, "idempotency_conflict",   "Idempotency conflict",
                   "The Idempotency-Key belongs to another request, or the first one is under way still."},
    [ANSWER_NOT_FOUND] = {404, "not_found",              "Unknown request",        "No such endpoint."          },
    [ANSWER_BAD_REQUEST] = {404, "bad_request",            "Bad request",
                   "The parameters can't be read at all; `detail` says why."                             },
    [ANSWER_FRAMING] = {400, "malformed_http",         "Malformed request",
                   "The request is no sound HTTP; the connection is closed (RFC 9112)."                  },
    [ANSWER_METHOD] = {405, "method_not_allowed",     "Method not allowed",
                   "The Allow header lists the methods."                                                 },
    [ANSWER_TOO_LARGE] = {413, "body_too_large",         "Request body too large",
                   "The body is over the configured size."                                               },
    [ANSWER_MEDIA_TYPE] = {415, "unsupported_media_type", "Unsupported media type",
                   "A body is a form, multipart or JSON, in UTF-8."                                      },
    [ANSWER_TOO_MANY] =
        {429, "too_many_requests",      "Too many requests",
                   "Over the rate of the token, or too many refused ones of the address; repeat after "
         "Retry-After seconds."                                                                          },
    [ANSWER_INTERNAL] = {500, "internal_error",         "Internal error",
                   "Something is wrong here; the request id finds it in the log."                        },
    [ANSWER_UNAVAILABLE] = {503, "unavailable",            "Service unavailable",
                   "The store can't be reached; repeat after Retry-After seconds."                       },
};

struct answer {
    json_t *stack[DEPTH_MAX]; /* [0] is owned, the others are borrowed from it */
    size_t depth;
    enum answer_code code;
    bool failed;
};

int answer_new(struct answer **ret)
{
    struct answer *a = calloc(1, sizeof(*a));
    if (!a)
        return ERR_NOMEM;
    a->stack[0] = json_object();
    if (!a->stack[0]) {
        free(a);
        return ERR_NOMEM;
    }
    answer_text(a, "status", "200");
    *ret = a;
    return ERR_OK;
}

void answer_free(struct answer *a)
{
    if (!a)
        return;
    json_decref(a->stack[0]);
    free(a);
}

/* Takes the reference. */
static void add(struct answer *a, const char *key, json_t *value)
{
    json_t *in = a->stack[a->depth];
    int failed = !value || (json_is_array(in) ? json_array_append_new(in, value)
                                              : json_object_set_new_nocheck(in, key, value));
    a->failed |= failed != 0;
}

void answer_text(struct answer *a, const char *key, const char *text)
{
    add(a, key, json_string(text));
}

void answer_int(struct answer *a, const char *key, int64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, number);
    answer_text(a, key, text);
}

void answer_money(struct answer *a, const char *key, int64_t amount)
{
    char text[MONEY_TEXT];
    answer_text(a, key, money_text(amount, text));
}

void answer_time(struct answer *a, const char *key, int64_t unix_ms)
{
    char text[CLOCK_TEXT];
    answer_text(a, key, unix_ms ? clock_text(unix_ms, text) : "");
}

void answer_bool(struct answer *a, const char *key, bool value)
{
    add(a, key, json_boolean(value));
}

static void open_value(struct answer *a, const char *key, json_t *value)
{
    add(a, key, value);
    if (value && a->depth + 1 < DEPTH_MAX)
        a->stack[++a->depth] = value;
    else
        a->failed = true;
}

void answer_list(struct answer *a, const char *key)
{
    open_value(a, key, json_array());
}

void answer_object(struct answer *a, const char *key)
{
    open_value(a, key, json_object());
}

void answer_close(struct answer *a)
{
    if (a->depth > 0)
        a->depth--;
    else
        a->failed = true;
}

static int refuse(struct answer *a, enum answer_code code, const char *error, const char *detail)
{
    char status[12];
    snprintf(status, sizeof(status), "%d", answer_codes[code].http);
    a->code = code;
    a->depth = 0;
    json_object_clear(a->stack[0]);
    answer_text(a, "status", status);
    answer_text(a, "error", error);
    answer_text(a, "code", answer_codes[code].code);
    answer_text(a, "detail", detail && *detail ? detail : answer_codes[code].doc);
    return ERR_REFUSED;
}

int answer_refuse(struct answer *a, enum answer_code code, const char *detail)
{
    return refuse(a, code, answer_codes[code].error, detail);
}

int answer_invalid(struct answer *a, const char *param, const char *detail)
{
    char error[96];
    snprintf(error, sizeof(error), "Invalid %s", param);
    return refuse(a, ANSWER_INVALID_PARAMETER, error, detail);
}

static enum answer_code code_of(const json_t *body)
{
    const char *name = json_string_value(json_object_get(body, "code"));
    for (size_t i = ANSWER_OK + 1; name && i < ANSWER_CODES; i++) {
        if (strcmp(answer_codes[i].code, name) == 0)
            return (enum answer_code)i;
    }
    return ANSWER_OK;
}

int answer_load(struct answer *a, struct span body)
{
    json_t *loaded = json_loadb(body.p, body.n, 0, NULL);
    bool failure = json_object_get(loaded, "error") != NULL;
    if (!json_is_object(loaded) || failure != (code_of(loaded) != ANSWER_OK)) {
        json_decref(loaded);
        return ERR_PROTOCOL;
    }
    json_decref(a->stack[0]);
    a->stack[0] = loaded;
    a->depth = 0;
    a->code = code_of(loaded);
    return ERR_OK;
}

enum answer_code answer_result(const struct answer *a)
{
    return a->code;
}

const char *answer_error(const struct answer *a)
{
    const char *text = json_string_value(json_object_get(a->stack[0], "error"));
    return text ? text : "";
}

int answer_render(struct answer *a, const char *request_id, char **ret)
{
    if (a->code != ANSWER_OK)
        answer_text(a, "request_id", request_id);
    char *text = a->failed ? NULL : json_dumps(a->stack[0], JSON_COMPACT);
    if (!text)
        return ERR_NOMEM;
    *ret = text;
    return ERR_OK;
}
