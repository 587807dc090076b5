/* What every verb of trunkctl stands on: the server, the way to call functions there, failures. */
#ifndef TRUNKLINE_CTL_H
#define TRUNKLINE_CTL_H

#include "ctl_args.h"
#include "conf.h"
#include "err.h"
#include "keys.h"
#include "redis.h"

enum ctl_exit {
    CTL_DONE = 0,
    CTL_FAILED = 1, /* refused by the server's state, or Redis failed */
    CTL_USAGE = 2,  /* the command line is wrong; nothing was changed */
};

struct ctl {
    struct conf conf;
    struct redis_pool *redis;
    bool json;
};

/* One line on stderr after "trunkctl: ". Returns CTL_FAILED. */
int ctl_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The same, but CTL_USAGE. */
int ctl_usage(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Memory of a command that runs once: these end the program when there is none. */
void *ctl_alloc(size_t n); /* zeroed */
void *ctl_grow(void *p, size_t n);
char *ctl_copy(struct span s);
char *ctl_format(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* What a refusal's word means for one verb; text begins with the argument at fault. A table of
 * them ends with a NULL word. */
struct refusal {
    const char *word, *text;
};

/* Prints why a call failed. Returns CTL_FAILED. */
int ctl_explain(const struct ctl *c, int err, const struct redisReply *reply,
                const struct refusal *refusals);

/* Sends and frees cmd; a failure is explained. *ret is set on success alone. */
MUST_CHECK bool ctl_send(struct ctl *c, struct cmd *cmd, const struct refusal *refusals,
                         struct redisReply **ret);

/* The same for a function with one key and text arguments up to NULL; ret may be NULL. */
MUST_CHECK bool ctl_call(struct ctl *c, const struct refusal *refusals, struct redisReply **ret,
                         const char *function, const char *key, ...) __attribute__((sentinel));
MUST_CHECK bool ctl_read(struct ctl *c, const struct refusal *refusals, struct redisReply **ret,
                         const char *function, const char *key, ...) __attribute__((sentinel));

/* Whether Redis answers: for what needs no schema. A failure is explained. */
MUST_CHECK bool ctl_reach(struct ctl *c);

/* A list of names that owns them. */
struct names {
    char **v;
    size_t n;
};
void ctl_names_add(struct names *names, const char *name); /* a name is taken once */
void ctl_names_free(struct names *names);

/* Members of an index (KEY_ACCOUNTS, …), sorted. A failure is explained. */
MUST_CHECK bool ctl_index(struct ctl *c, const char *index, struct names *ret);

/* Calls a read function on the key of each name, with one argument if `argument` isn't NULL, and
 * hands over each reply that is "ok"; refused ones are passed over. A failure is explained. */
typedef void ctl_each_fn(void *arg, const char *name, const struct redisReply *reply);
MUST_CHECK bool ctl_each(struct ctl *c, const struct names *names, struct key (*key)(const char *),
                         const char *function, const char *argument, ctl_each_fn *fn, void *arg);

#endif
