/* How Redis fares, from INFO. */
#ifndef TRUNKLINE_OPS_REDIS_H
#define TRUNKLINE_OPS_REDIS_H

#include <jansson.h>

#include "redis.h"

/* An object of the fields that tell it; *ret is the caller's, NULL if our user may not ask. Errors
 * of the store. */
MUST_CHECK int ops_redis(struct redis_pool *redis, json_t **ret);

#endif
