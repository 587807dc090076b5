/* Private to the blocking Redis clients: one connection, from connect to close (redisFree). */
#ifndef TRUNKLINE_REDIS_CONN_H
#define TRUNKLINE_REDIS_CONN_H

#include "redis_target.h"
#include "redis_wire.h"

struct redisContext;

/* Connects and logs in. Nothing of the caller's was sent, so each failure but memory is
 * ERR_UNAVAILABLE. */
MUST_CHECK int redis_conn_open(const struct redis_target *t, struct redisContext **ret);

/* Waits until the socket can be read or written (poll's events). ERR_TIMEOUT, ERR_SYSTEM. */
MUST_CHECK int redis_conn_wait(const struct redisContext *ctx, short events, int64_t timeout_ms);

/* *ret_written counts the bytes that the kernel took, on failure too. */
MUST_CHECK int redis_conn_write(const struct redisContext *ctx, const struct redis_wire *w,
                                int64_t timeout_ms, size_t *ret_written);

/* The next reply, if it is there already as a whole; else NULL. */
MUST_CHECK int redis_conn_take(struct redisContext *ctx, struct redisReply **ret);

/* A long reply may take longer than the timeout, as long as bytes keep coming. */
MUST_CHECK int redis_conn_read(struct redisContext *ctx, int64_t timeout_ms,
                               struct redisReply **ret);

#endif
