/* The command line as a table: each verb lists its arguments, and the same rows drive parsing,
 * validation and help. */
#ifndef TRUNKLINE_CTL_ARGS_H
#define TRUNKLINE_CTL_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "span.h"

/* Types, with the form that a value has once it is read. */
enum arg_type {
    ARG_FLAG,      /* takes no value: "1" */
    ARG_NAME,      /* printable text of 1..64 characters */
    ARG_TEXT,      /* printable text of 0..200 characters */
    ARG_REF,       /* visible ASCII characters; 1..64 */
    ARG_WORD,      /* letters, digits, '.', '_', '-'; 1..32 */
    ARG_FILE,      /* path, or "-" */
    ARG_ACCOUNT,   /* account number of 7 digits */
    ARG_COUNT,     /* integer between the row's bounds */
    ARG_LIMIT,     /* the same, or "none" */
    ARG_AMOUNT,    /* signed dollars, not zero: money units */
    ARG_PRICE,     /* dollars from zero up: money units */
    ARG_RATE,      /* dollars a minute: money units */
    ARG_PERCENT,   /* 0..100 with two decimals: 1/10,000 */
    ARG_NUMBER,    /* NANP number: 10 digits */
    ARG_PREFIX,    /* 1..15 digits */
    ARG_PREFIXES,  /* such by comma */
    ARG_DIGITS,    /* 0..15 digits with or without a leading '+' */
    ARG_ADDRESSES, /* IP addresses or IPv4 blocks by comma */
    ARG_HOST,      /* IP address with or without a port: as typed */
    ARG_STATE,     /* state in capitals, or "tf" */
    ARG_TYPES
};

enum arg_flag {
    ARG_REQUIRED = 1,
    ARG_REST = 2, /* the last place: takes all words that follow, joined by commas */
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

struct verb {
    const char *noun, *name; /* name "" where the noun is the whole command */
    int (*run)(struct ctl *c, const struct args *a);
    const char *doc;
    const struct arg *args; /* ends with a NULL name */
    bool any_schema;        /* works on a server whose schema is another's */
};

/* Reads the words after noun and verb. NULL after a message on stderr. */
struct args *ctl_args_read(const struct verb *verb, char *const words[], size_t n);
void ctl_args_free(struct args *a); /* accepts NULL */

/* Value in its read form; what the row says when it wasn't given. `name` must be a row's. */
const char *ctl_args_text(const struct args *a, const char *name);
int64_t ctl_args_int(const struct args *a, const char *name);
bool ctl_args_given(const struct args *a, const char *name);

/* Calls fn for each argument that was given and fills a field. */
void ctl_args_fields(const struct args *a,
                     void (*fn)(void *arg, const char *field, const char *value), void *arg);

/* What stands for the value in help: "DOLLARS"; the name itself where it goes by its place. */
const char *ctl_args_metavar(const struct arg *arg);

/* Printable UTF-8 without control characters. */
bool ctl_args_printable(struct span s);

#endif
