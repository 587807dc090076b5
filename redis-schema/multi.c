#include "multi.h"

#include <stdio.h>
#include <stdlib.h>

int multi_begin(struct multi *m, size_t n)
{
    m->n = n;
    m->cmds = calloc(n + 2, sizeof(*m->cmds));
    m->replies = calloc(n + 2, sizeof(struct redisReply *));
    if (m->cmds == NULL || m->replies == NULL) {
        free(m->cmds);
        free(m->replies);
        *m = (struct multi){0};
        return ERR_NOMEM;
    }
    cmd_text(&m->cmds[0], "MULTI");
    cmd_text(&m->cmds[n + 1], "EXEC");
    return ERR_OK;
}

struct cmd *multi_at(struct multi *m, size_t i)
{
    return &m->cmds[i + 1];
}

static const struct redisReply *exec_reply(const struct multi *m)
{
    return m->replies[m->n + 1];
}

/* The first command that was not queued says more than the EXEC that gave up because of it. */
static const char *first_error(const struct multi *m)
{
    for (size_t i = 0; i < m->n + 2; i++) {
        if (raw_is_error(m->replies[i]))
            return raw_text(m->replies[i]);
    }
    return raw_count(exec_reply(m)) == m->n ? NULL : "the transaction was given up";
}

int multi_run(struct redis_pool *p, struct multi *m, char error[SCHEMA_ERROR])
{
    int err = redis_pipeline(p, m->cmds, m->n + 2, m->replies);
    if (err != ERR_OK) {
        snprintf(error, SCHEMA_ERROR, "Redis: %s", err_text(err));
        return err;
    }
    const char *text = first_error(m);
    if (text == NULL)
        return ERR_OK;
    snprintf(error, SCHEMA_ERROR, "Redis: %s", text);
    return ERR_PROTOCOL;
}

const struct redisReply *multi_reply(const struct multi *m, size_t i)
{
    return raw_at(exec_reply(m), i);
}

void multi_free(struct multi *m)
{
    for (size_t i = 0; m->cmds != NULL && i < m->n + 2; i++) {
        cmd_free(&m->cmds[i]);
        reply_free(m->replies[i]);
    }
    free(m->cmds);
    free(m->replies);
    *m = (struct multi){0};
}
