#include "reply.h"

#include <hiredis/hiredis.h>

#include "log.h"
#include "num.h"
#include "redis.h"

static const char *const WORD_OK = "ok";

/* First words of the errors of a server that can't serve now but may later. */
static const char *const UNAVAILABLE[] = {"LOADING",   "READONLY",    "OOM",        "MISCONF",
                                          "BUSY",      "MASTERDOWN",  "NOREPLICAS", "TRYAGAIN",
                                          "UNBLOCKED", "CLUSTERDOWN", "NOAUTH"};

static bool is_text(const struct redisReply *r)
{
    return r != NULL && r->type == REDIS_REPLY_STRING;
}

static bool starts_with_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    return strncmp(text, word, n) == 0 && (text[n] == ' ' || text[n] == '\0');
}

static int check_error(const char *text)
{
    for (size_t i = 0; i < sizeof(UNAVAILABLE) / sizeof(UNAVAILABLE[0]); i++) {
        if (starts_with_word(text, UNAVAILABLE[i]))
            return ERR_UNAVAILABLE;
    }
    if (strncmp(text, "ERR Function not found", 22) == 0)
        return ERR_VERSION;
    log_error("redis replied: %s", text);
    return ERR_PROTOCOL;
}

static bool is_flat_array(const struct redisReply *r)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements == 0)
        return false;
    for (size_t i = 0; i < r->elements; i++) {
        if (!is_text(r->element[i]))
            return false;
    }
    return true;
}

int reply_check(const struct redisReply *r)
{
    if (r == NULL)
        return ERR_UNAVAILABLE;
    if (r->type == REDIS_REPLY_ERROR)
        return check_error(r->str);
    if (!is_flat_array(r)) {
        log_error("redis replied with something else than an array of strings");
        return ERR_PROTOCOL;
    }
    return strcmp(reply_word(r), WORD_OK) == 0 ? ERR_OK : ERR_REFUSED;
}

const char *reply_word(const struct redisReply *r)
{
    return reply_text(r, 0);
}

size_t reply_count(const struct redisReply *r)
{
    return raw_count(r);
}

struct span reply_span(const struct redisReply *r, size_t i)
{
    const struct redisReply *element = raw_at(r, i);
    return is_text(element) ? (struct span){element->str, element->len} : SPAN_LIT("");
}

const char *reply_text(const struct redisReply *r, size_t i)
{
    return reply_span(r, i).p;
}

int64_t reply_int(const struct redisReply *r, size_t i, int64_t otherwise)
{
    int64_t v;
    if (num_parse_signed(reply_span(r, i), INT64_MIN, INT64_MAX, &v) != ERR_OK)
        return otherwise;
    return v;
}

const char *reply_field(const struct redisReply *r, size_t from, const char *field)
{
    size_t n = reply_count(r);
    for (size_t i = from; i + 1 < n; i += 2) {
        if (strcmp(reply_text(r, i), field) == 0)
            return reply_text(r, i + 1);
    }
    return "";
}

void reply_free(struct redisReply *r)
{
    if (r != NULL)
        freeReplyObject(r);
}

int table_open(const struct redisReply *r, size_t at, struct table *ret)
{
    size_t n = reply_count(r);
    int64_t columns;
    if (at >= n || num_parse(reply_span(r, at), 1, INT32_MAX, &columns) != ERR_OK)
        return ERR_PROTOCOL;
    size_t width = (size_t)columns, rest = n - at - 1;
    if (rest < width || rest % width != 0)
        return ERR_PROTOCOL;
    *ret = (struct table){r, at + 1, width, rest / width - 1};
    return ERR_OK;
}

/* Element of a cell; past the end of the reply when there is no such row or column. */
static size_t cell(const struct table *t, size_t row, const char *column)
{
    for (size_t i = 0; row < t->rows && i < t->columns; i++) {
        if (strcmp(reply_text(t->reply, t->at + i), column) == 0)
            return t->at + (row + 1) * t->columns + i;
    }
    return SIZE_MAX;
}

const char *table_text(const struct table *t, size_t row, const char *column)
{
    return reply_text(t->reply, cell(t, row, column));
}

int64_t table_int(const struct table *t, size_t row, const char *column, int64_t otherwise)
{
    return reply_int(t->reply, cell(t, row, column), otherwise);
}

const char *raw_text(const struct redisReply *r)
{
    bool text = is_text(r) ||
                (r != NULL && (r->type == REDIS_REPLY_STATUS || r->type == REDIS_REPLY_ERROR));
    return text ? r->str : "";
}

struct span raw_span(const struct redisReply *r)
{
    return is_text(r) ? (struct span){r->str, r->len} : SPAN_LIT("");
}

int64_t raw_int(const struct redisReply *r, int64_t otherwise)
{
    if (r != NULL && r->type == REDIS_REPLY_INTEGER)
        return r->integer;
    int64_t v;
    if (!is_text(r) ||
        num_parse_signed((struct span){r->str, r->len}, INT64_MIN, INT64_MAX, &v) != ERR_OK)
        return otherwise;
    return v;
}

size_t raw_count(const struct redisReply *r)
{
    return r != NULL && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
}

const struct redisReply *raw_at(const struct redisReply *r, size_t i)
{
    return i < raw_count(r) ? r->element[i] : NULL;
}

bool raw_is_error(const struct redisReply *r)
{
    return r == NULL || r->type == REDIS_REPLY_ERROR;
}

bool raw_is_nil(const struct redisReply *r)
{
    return r != NULL && r->type == REDIS_REPLY_NIL;
}
