/* The command line as a table: each verb lists its arguments, and the same rows drive parsing,
 * validation and help. */
#ifndef TRUNKLINE_CTL_ARGS_H
#define TRUNKLINE_CTL_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl_type.h"
#include "span.h"

enum arg_flag {
    ARG_REQUIRED = 1,
    ARG_REST = 2,   /* the last place: takes all words that follow, joined by commas */
    ARG_SECRET = 4, /* the audit log doesn't show it */
};

struct arg {
    const char *name; /* "--label"; "ACCT": goes by its place */
    enum arg_type type;
    unsigned flags;
    int64_t min, max;      /* ARG_COUNT, ARG_LIMIT */
    const char *otherwise; /* value when not given, in the form after reading; NULL: "" */
    const char *field;     /* Redis hash field that it fills; NULL: none */
    const char *doc;
};

struct ctl;
struct args;

/* A verb without any changes something: the audit log has it. */
enum verb_flag {
    VERB_READS = 1,      /* changes nothing */
    VERB_REPAIRS = 2,    /* nothing unless --repair or --repair-ledger is given */
    VERB_ANY_SCHEMA = 4, /* works on a server whose schema is another's */
};

struct verb {
    const char *noun, *name; /* name "" where the noun is the whole command */
    int (*run)(struct ctl *c, const struct args *a);
    const char *doc;
    const struct arg *args; /* ends with a NULL name */
    unsigned flags;         /* enum verb_flag */
};

/* Reads the words after noun and verb. NULL after a message on stderr. */
struct args *ctl_args_read(const struct verb *verb, char *const words[], size_t n);
void ctl_args_free(struct args *a); /* accepts NULL */

/* Value in its read form; what the row says when it wasn't given. `name` must be a row's. */
const char *ctl_args_text(const struct args *a, const char *name);
bool ctl_args_given(const struct args *a, const char *name);

/* Calls fn for each argument that was given. */
void ctl_args_each(const struct args *a,
                   void (*fn)(void *arg, const struct arg *row, const char *value), void *arg);

/* Calls fn for each argument that was given and fills a field. */
void ctl_args_fields(const struct args *a,
                     void (*fn)(void *arg, const char *field, const char *value), void *arg);

/* What stands for the value in help: "DOLLARS"; the name itself where it goes by its place. */
const char *ctl_args_metavar(const struct arg *arg);

#endif
