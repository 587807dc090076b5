/* Replies of Redis Functions, type-checked in one place. A function's reply is a flat array of bulk
 * strings whose first element is "ok" or a refusal's word (redis-schema/KEYS.md). */
#ifndef TRUNKLINE_REPLY_H
#define TRUNKLINE_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

struct redisReply; /* hiredis */

/* ERR_OK: a flat array of at least one bulk string, whose first is "ok".
 * ERR_REFUSED: such an array, the first is another word (reply_word tells which).
 * ERR_UNAVAILABLE: NULL, or the server is loading, read-only or out of memory.
 * ERR_VERSION: the function is not there. ERR_PROTOCOL: anything else (logged). */
MUST_CHECK int reply_check(const struct redisReply *r);

/* First element, "" when there is none. */
const char *reply_word(const struct redisReply *r);
size_t reply_count(const struct redisReply *r);

/* Element i as text or span; "" past the end. */
const char *reply_text(const struct redisReply *r, size_t i);
struct span reply_span(const struct redisReply *r, size_t i);

/* Element i as a decimal integer; `otherwise` when it is none. */
int64_t reply_int(const struct redisReply *r, size_t i, int64_t otherwise);

/* Value after the element equal to `field` among pairs that start at element `from`; "" if none. */
const char *reply_field(const struct redisReply *r, size_t from, const char *field);

void reply_free(struct redisReply *r); /* accepts NULL */

/* A table in a reply: from element `at`: number of columns, their names, then rows. */
struct table {
    const struct redisReply *reply;
    size_t at;      /* first column name */
    size_t columns; /* > 0 */
    size_t rows;
};
MUST_CHECK int table_open(const struct redisReply *r, size_t at, struct table *ret);
const char *table_text(const struct table *t, size_t row, const char *column); /* "" if none */
int64_t table_int(const struct table *t, size_t row, const char *column, int64_t otherwise);

#endif
