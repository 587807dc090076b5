/* schema show, and schema load. */
#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "schema.h"

static const struct column columns[] = {
    {"version",   ROWS_COUNT, false, NULL},
    {"supported", ROWS_COUNT, false, NULL},
    {"release",   ROWS_TEXT,  false, NULL},
    {"digest",    ROWS_TEXT,  false, NULL},
    {"loaded",    ROWS_TIME,  false, NULL},
    {NULL,        ROWS_TEXT,  false, NULL},
};

/* Fields of the hash that are columns; its secret is none. */
static void set_fields(struct rows *rows, const struct redisReply *reply)
{
    for (size_t i = 0; i + 1 < raw_count(reply); i += 2)
        ctl_rows_set(rows, raw_text(raw_at(reply, i)), raw_text(raw_at(reply, i + 1)));
}

int ctl_schema_show(struct ctl *c, const struct args *a)
{
    struct cmd cmd = {0};
    struct redisReply *reply = NULL;
    (void)a;
    cmd_text(&cmd, "HGETALL");
    cmd_text(&cmd, KEY_SCHEMA);
    int err = redis_raw(c->redis, &cmd, &reply);
    cmd_free(&cmd);
    if (err < 0)
        return ctl_explain(c, err, NULL, NULL);
    int code = CTL_FAILED;
    if (raw_is_error(reply)) {
        ctl_fail("Redis at %s: %s", c->conf.redis.address, raw_text(reply));
    } else if (raw_count(reply) == 0) {
        ctl_fail("Redis at %s holds no schema: start trunkd once", c->conf.redis.address);
    } else {
        struct rows *rows = ctl_rows_new(columns);
        ctl_rows_add(rows);
        ctl_rows_set_int(rows, "supported", SCHEMA_VERSION);
        set_fields(rows, reply);
        code = ctl_rows_print(rows, ROWS_ONE, c->json);
    }
    reply_free(reply);
    return code;
}

int ctl_schema_load(struct ctl *c, const struct args *a)
{
    char error[SCHEMA_ERROR] = "";
    int err = schema_replace(c->redis, error);
    if (err != ERR_OK)
        return ctl_fail("%s", *error ? error : err_text(err));
    return ctl_schema_show(c, a);
}
