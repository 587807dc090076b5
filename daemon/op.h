/* One request in execution, as the operations (op_*.c) see it. */
#ifndef TRUNKLINE_OP_H
#define TRUNKLINE_OP_H

#include "answer.h"
#include "client.h"
#include "endpoint.h"
#include "http.h"
#include "keys.h"
#include "redis.h"
#include "saga.h"
#include "scratch.h"
#include "secret.h"
#include "service.h"

struct op {
    struct service *service;
    struct redis_pool *redis;
    service_policy policy; /* as of the start of the request */
    const char *account;
    const char *who; /* label of the token and the beginning of its hash; NULL: not checked yet */
    char token[SECRET_SHA256_HEX]; /* its hash */
    struct client client;
    struct limit_state limit; /* of the token, or of the client's address before it is checked */
    struct key account_key;
    struct args args;
    struct answer *answer;
    struct scratch *mem;
    const struct http_request *http;
};

/* The argument of a parameter that the endpoint's row lists; anything else is a programming error.
 */
const struct arg *op_arg(const struct op *op, const char *name);
const char *op_text(const struct op *op, const char *name); /* "" when absent or empty */
int64_t op_number(const struct op *op, const char *name, int64_t otherwise);

/* Which part of `total` results the client asked for with limit and offset; adds `total` to the
 * answer if it asked. Without limit: all, or `most` if that is over 0. */
struct op_page {
    size_t from, to;
};
struct op_page op_page(struct op *op, size_t total, size_t most);
bool op_paged(const struct op *op);
void op_total(struct op *op, int64_t total);

/* A fresh number of a sequence as text. */
MUST_CHECK int op_next(struct op *op, const char *sequence, int64_t first, const char **ret);

/* Appends a field and its value to a command. */
void op_pair(struct cmd *c, const char *field, const char *value);
/* Whether a text can be a rate centre or city; refuses otherwise. */
MUST_CHECK int op_place(struct op *op, const char *param);

/* Absolute signed link to a path of ours, with the configured life. NULL: out of memory. */
char *op_link(const struct op *op, const char *path);

/* Sagas of the request's account. */
struct saga op_saga(const struct op *op);

endpoint_fn op_states, op_blocks, op_search_did, op_search_tfn;
endpoint_fn op_trunk_define, op_trunk_get, op_trunk_update;
endpoint_fn op_term_define, op_term_get, op_term_disable;
endpoint_fn op_reserve, op_bulk_reserve, op_cart_remove;
endpoint_fn op_order_generate, op_order_process, op_orders;
endpoint_fn op_port_check, op_port_generate, op_port_list;
endpoint_fn op_numbers, op_number_update;
endpoint_fn op_stats_did, op_stats_trunk, op_stats_term;
endpoint_fn op_months, op_months_term;
endpoint_fn op_daily, op_daily_term;
endpoint_fn op_invoices, op_financial, op_payments, op_pay;

#endif
