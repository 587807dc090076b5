/* Conversations with the server: one call, an index, the same question to many keys. */
#include "ctl.h"

#include <stdarg.h>

enum { EACH_AT_ONCE = 128 }; /* calls in one pipeline */

int ctl_explain(const struct ctl *c, int err, const struct redisReply *reply,
                const struct refusal *refusals)
{
    if (err != ERR_REFUSED)
        return ctl_fail("Redis at %s: %s", c->conf.redis.address, err_text(err));
    const char *word = reply_word(reply);
    for (const struct refusal *r = refusals; r && r->word; r++) {
        if (strcmp(r->word, word) == 0)
            return ctl_fail("%s", r->text);
    }
    return ctl_fail("refused: %s", word);
}

bool ctl_reach(struct ctl *c)
{
    struct redisReply *reply = NULL;
    struct cmd ping = {0};
    cmd_text(&ping, "PING");
    int err = redis_raw(c->redis, &ping, &reply);
    bool reached = err == ERR_OK && !raw_is_error(reply);
    if (!reached)
        ctl_fail("Redis at %s: %s", c->conf.redis.address,
                 err == ERR_OK ? raw_text(reply) : err_text(err));
    cmd_free(&ping);
    reply_free(reply);
    return reached;
}

bool ctl_send(struct ctl *c, struct cmd *cmd, const struct refusal *refusals,
              struct redisReply **ret)
{
    struct redisReply *reply = NULL;
    int err = redis_send(c->redis, cmd, &reply);
    cmd_free(cmd);
    if (err < 0)
        ctl_explain(c, err, reply, refusals);
    if (err == ERR_OK && ret)
        *ret = reply;
    else
        reply_free(reply);
    return err == ERR_OK;
}

static void add_arguments(struct cmd *cmd, va_list args)
{
    for (const char *text = va_arg(args, const char *); text; text = va_arg(args, const char *))
        cmd_text(cmd, text);
}

bool ctl_call(struct ctl *c, const struct refusal *refusals, struct redisReply **ret,
              const char *function, const char *key, ...)
{
    struct cmd cmd = {0};
    va_list args;
    cmd_fcall(&cmd, function, key);
    va_start(args, key);
    add_arguments(&cmd, args);
    va_end(args);
    return ctl_send(c, &cmd, refusals, ret);
}

bool ctl_read(struct ctl *c, const struct refusal *refusals, struct redisReply **ret,
              const char *function, const char *key, ...)
{
    struct cmd cmd = {0};
    va_list args;
    cmd_fcall_ro(&cmd, function, key);
    va_start(args, key);
    add_arguments(&cmd, args);
    va_end(args);
    return ctl_send(c, &cmd, refusals, ret);
}

bool ctl_index(struct ctl *c, const char *index, struct names *ret)
{
    struct redisReply *reply;
    if (!ctl_read(c, NULL, &reply, "index_list", index, NULL))
        return false;
    size_t n = reply_count(reply);
    struct names names = {ctl_alloc(n * sizeof(char *)), 0};
    for (size_t i = 1; i < n; i++)
        names.v[names.n++] = ctl_copy(reply_span(reply, i));
    reply_free(reply);
    *ret = names;
    return true;
}

struct each {
    struct key (*key)(const char *);
    const char *function, *argument;
    ctl_each_fn *fn;
    void *arg;
};

static bool each_replies(struct ctl *c, const struct each *each, char *const *names,
                         struct redisReply *const *replies, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int err = reply_check(replies[i]);
        if (err == ERR_OK) {
            each->fn(each->arg, names[i], replies[i]);
        } else if (err != ERR_REFUSED) {
            ctl_explain(c, err, replies[i], NULL);
            return false;
        }
    }
    return true;
}

static bool each_batch(struct ctl *c, const struct each *each, char *const *names, size_t n)
{
    struct cmd cmds[EACH_AT_ONCE] = {0};
    struct redisReply *replies[EACH_AT_ONCE] = {0};
    for (size_t i = 0; i < n; i++) {
        cmd_fcall_ro(&cmds[i], each->function, each->key(names[i]).text);
        if (each->argument)
            cmd_text(&cmds[i], each->argument);
    }
    int err = redis_pipeline(c->redis, cmds, n, replies);
    bool good = err == ERR_OK;
    if (good)
        good = each_replies(c, each, names, replies, n);
    else
        ctl_explain(c, err, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        cmd_free(&cmds[i]);
        reply_free(replies[i]);
    }
    return good;
}

bool ctl_each(struct ctl *c, const struct names *names, struct key (*key)(const char *),
              const char *function, const char *argument, ctl_each_fn *fn, void *arg)
{
    const struct each each = {key, function, argument, fn, arg};
    for (size_t at = 0; at < names->n; at += EACH_AT_ONCE) {
        size_t left = names->n - at;
        if (!each_batch(c, &each, names->v + at, left < EACH_AT_ONCE ? left : EACH_AT_ONCE))
            return false;
    }
    return true;
}
