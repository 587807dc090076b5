#include "ops_redis.h"

#include <string.h>

#include "num.h"

static const char *const fields[] = {
    "redis_version",
    "uptime_in_seconds",
    "role",
    "connected_clients",
    "blocked_clients",
    "used_memory",
    "maxmemory",
    "total_system_memory",
    "mem_fragmentation_ratio",
    "aof_enabled",
    "aof_last_write_status",
    "aof_last_bgrewrite_status",
    "loading",
    "instantaneous_ops_per_sec",
    "evicted_keys",
    "rejected_connections",
    "connected_slaves",
    "master_link_status",
};

static bool is_wanted(struct span name)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        if (span_eq(name, span_of(fields[i])))
            return true;
    }
    return false;
}

/* Lines "name:value"; headings begin with '#'. */
static void take_line(json_t *object, struct span line)
{
    struct span rest = line, name;
    int64_t number;
    if (!span_cut(&rest, ':', &name) || !is_wanted(name))
        return;
    rest = span_trim(rest);
    json_t *value = num_parse(rest, 0, INT64_MAX, &number) == ERR_OK ? json_integer(number)
                                                                     : json_stringn(rest.p, rest.n);
    json_object_setn_new(object, name.p, name.n, value);
}

int ops_redis(struct redis_pool *redis, json_t **ret)
{
    struct cmd c = {0};
    struct redisReply *r = NULL;
    cmd_text(&c, "INFO");
    int err = redis_raw(redis, &c, &r);
    json_t *object = err == ERR_OK ? json_object() : NULL;
    struct span text = raw_span(r), line;
    while (object && span_cut(&text, '\n', &line))
        take_line(object, line);
    bool refused = err == ERR_OK && raw_is_error(r);
    reply_free(r);
    cmd_free(&c);
    if (err == ERR_OK && !object)
        return ERR_NOMEM;
    if (refused) {
        json_decref(object);
        object = NULL;
    }
    if (err == ERR_OK)
        *ret = object;
    return err;
}
