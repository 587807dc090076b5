/* trunkctl: the operator's command line. */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl_audit.h"
#include "ctl_help.h"
#include "ctl_verbs.h"
#include "log.h"
#include "schema.h"

enum { TIMEOUT_MS = 10000 }; /* longest wait for one reply: an operator's lists may be long */

/* The command line taken apart: what belongs to every verb, and the words left for one. */
struct line {
    struct conf conf;
    bool json, help, version;
    char **words;
    size_t n;
};

static bool set(struct line *l, const char *assignment)
{
    char error[CONF_ERROR];
    return conf_override(&l->conf, assignment, error) == ERR_OK ||
           ctl_usage("-o %s: %s", assignment, error) == CTL_DONE;
}

static bool load(struct line *l, const char *path)
{
    char error[CONF_ERROR];
    return conf_load(&l->conf, path, error) == ERR_OK || ctl_usage("-c: %s", error) == CTL_DONE;
}

static bool set_redis(struct line *l, const char *address)
{
    char *assignment = ctl_format("redis.address=%s", address);
    bool good = set(l, assignment);
    free(assignment);
    return good;
}

static const struct {
    const char *name;
    bool (*take)(struct line *l, const char *value);
} settings[] = {
    {"-c",      load     },
    {"-o",      set      },
    {"--redis", set_redis},
};

static const struct {
    const char *name;
    size_t flag; /* offset of the bool in struct line */
} flags[] = {
    {"--json",    offsetof(struct line, json)   },
    {"-h",        offsetof(struct line, help)   },
    {"--help",    offsetof(struct line, help)   },
    {"-V",        offsetof(struct line, version)},
    {"--version", offsetof(struct line, version)},
};

static bool take_flag(struct line *l, const char *word)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(flags[i].name, word) == 0) {
            *(bool *)((char *)l + flags[i].flag) = true;
            return true;
        }
    }
    return false;
}

enum taken { TAKEN, NOT_MINE, WRONG };

/* Behind a verb, "-o FILE" is the verb's. */
static bool is_verbs(const struct line *l, const char *name, const char *value)
{
    return l->n > 0 && strcmp(name, "-o") == 0 && value && !strchr(value, '=');
}

/* Takes a setting and its value, "NAME VALUE" or "--name=VALUE"; *i moves over the words used. */
static enum taken take_setting(struct line *l, int argc, char **argv, int *i)
{
    for (size_t s = 0; s < sizeof(settings) / sizeof(settings[0]); s++) {
        const char *word = argv[*i], *name = settings[s].name;
        size_t n = strlen(name);
        if (strncmp(word, name, n) != 0 || (word[n] != '\0' && word[n] != '='))
            continue;
        if (word[n] == '\0' && is_verbs(l, name, argv[*i + 1]))
            return NOT_MINE;
        if (word[n] == '\0' && *i + 1 == argc) {
            ctl_usage("%s needs a value", name);
            return WRONG;
        }
        return settings[s].take(l, word[n] == '=' ? word + n + 1 : argv[++*i]) ? TAKEN : WRONG;
    }
    return NOT_MINE;
}

/* Words after "--" are the verb's. */
static bool read_line(struct line *l, int argc, char **argv)
{
    bool options = true;
    conf_defaults(&l->conf);
    l->words = ctl_alloc((size_t)argc * sizeof(*l->words));
    for (int i = 1; i < argc; i++) {
        options = options && strcmp(argv[i], "--") != 0;
        enum taken taken = NOT_MINE;
        if (options)
            taken = take_flag(l, argv[i]) ? TAKEN : take_setting(l, argc, argv, &i);
        if (taken == WRONG)
            return false;
        if (taken == NOT_MINE)
            l->words[l->n++] = argv[i];
    }
    return true;
}

static int check_schema(struct ctl *c, const struct verb *verb)
{
    char error[SCHEMA_ERROR];
    if ((verb->flags & VERB_ANY_SCHEMA) || schema_check(c->redis, error) == ERR_OK)
        return CTL_DONE;
    return ctl_fail("Redis at %s: %s", c->conf.redis.address, error);
}

static int run(const struct line *l, const struct verb *verb, const struct args *args)
{
    struct ctl c = {.conf = l->conf, .json = l->json};
    struct redis_settings redis = {
        .address = c.conf.redis.address,
        .user = c.conf.redis.user,
        .password = c.conf.redis.password,
        .timeout_ms = c.conf.redis.timeout_ms > TIMEOUT_MS ? c.conf.redis.timeout_ms : TIMEOUT_MS,
        .connections = 1,
    };
    int err = redis_open(&c.redis, &redis);
    if (err < 0)
        return ctl_fail("redis.address %s: %s", redis.address, err_text(err));
    int code = check_schema(&c, verb);
    if (code == CTL_DONE)
        code = ctl_audit_run(&c, verb, args);
    redis_close(c.redis);
    return code;
}

static int dispatch(const struct line *l)
{
    size_t used;
    bool help = l->n > 0 && strcmp(l->words[0], "help") == 0;
    if (l->version)
        return printf("trunkctl %s\n", TRUNKLINE_VERSION) < 0 ? CTL_FAILED : CTL_DONE;
    if (l->help || help)
        return ctl_help(l->words + help, l->n - help);
    if (l->n == 0)
        return ctl_usage("what to do? trunkctl help lists it");
    const struct verb *verb = ctl_verbs_find(l->words, l->n, &used);
    if (!verb && ctl_verbs_noun(l->words[0]))
        return ctl_usage("no such verb: %s %s; trunkctl help %s lists them", l->words[0],
                         l->n > 1 ? l->words[1] : "", l->words[0]);
    if (!verb)
        return ctl_usage("no such noun: %s; trunkctl help lists them", l->words[0]);
    struct args *args = ctl_args_read(verb, l->words + used, l->n - used);
    int code = args ? run(l, verb, args) : CTL_USAGE;
    ctl_args_free(args);
    return code;
}

int main(int argc, char **argv)
{
    struct line l = {0};
    log_open("trunkctl", LOG_ERROR);
    int code = read_line(&l, argc, argv) ? dispatch(&l) : CTL_USAGE;
    free(l.words);
    return code;
}
