#include "ctl_args.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl.h"
#include "ctl_type.h"

enum { ARGS_MAX = 32 };

struct args {
    const struct verb *verb;
    char *values[ARGS_MAX]; /* NULL: not given; one for each row of verb->args */
};

/* ---- The command line ---- */

const char *ctl_args_metavar(const struct arg *arg)
{
    return arg->name[0] == '-' ? ctl_type_metavar(arg->type) : arg->name;
}

static bool is_option(const struct arg *arg)
{
    return arg->name[0] == '-';
}

/* "-5" is an amount and "-" a file. */
static bool looks_like_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0' && !isdigit((unsigned char)word[1]) && word[1] != '.';
}

static size_t row_count(const struct verb *verb)
{
    size_t n = 0;
    while (verb->args[n].name)
        n++;
    return n;
}

static int invalid(const struct arg *arg, struct span s)
{
    char bounds[64] = "";
    if (arg->type == ARG_COUNT || arg->type == ARG_LIMIT)
        snprintf(bounds, sizeof(bounds), " from %lld to %lld", (long long)arg->min,
                 (long long)arg->max);
    char shown[48];
    bool whole = ctl_type_printable(s) && span_copy(s, shown, sizeof(shown));
    ctl_usage("Invalid %s%s%s: expected %s%s", arg->name, whole ? " " : "", whole ? shown : "",
              ctl_type_expected(arg->type), bounds);
    return CTL_USAGE;
}

static bool take(struct args *a, size_t row, struct span s)
{
    const struct arg *arg = &a->verb->args[row];
    if (a->values[row] && !(arg->flags & ARG_REST)) {
        ctl_usage("%s is given twice", arg->name);
        return false;
    }
    char *value = ctl_type_read(arg, s);
    if (!value) {
        invalid(arg, s);
        return false;
    }
    if (a->values[row]) {
        char *joined = ctl_format("%s,%s", a->values[row], value);
        free(a->values[row]);
        free(value);
        value = joined;
    }
    a->values[row] = value;
    return true;
}

/* Takes "--name value" or "--name=value"; *i moves over the words used. */
static bool take_option(struct args *a, char *const words[], size_t n, size_t *i)
{
    const char *word = words[*i], *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    for (size_t row = 0; a->verb->args[row].name; row++) {
        const struct arg *arg = &a->verb->args[row];
        if (strlen(arg->name) != length || strncmp(arg->name, word, length) != 0)
            continue;
        if (arg->type == ARG_FLAG && !equals) {
            free(a->values[row]);
            a->values[row] = ctl_copy(SPAN_LIT("1"));
            return true;
        }
        if (arg->type == ARG_FLAG)
            return ctl_usage("%s takes no value", arg->name) == CTL_DONE;
        if (!equals && *i + 1 == n)
            return ctl_usage("%s needs a value", arg->name) == CTL_DONE;
        return take(a, row, span_of(equals ? equals + 1 : words[++*i]));
    }
    return ctl_usage("Unknown option %.*s", (int)length, word) == CTL_DONE;
}

/* Row of the next argument that goes by its place. */
static bool next_place(const struct args *a, size_t *ret)
{
    for (size_t row = 0; a->verb->args[row].name; row++) {
        const struct arg *arg = &a->verb->args[row];
        if (!is_option(arg) && (!a->values[row] || (arg->flags & ARG_REST))) {
            *ret = row;
            return true;
        }
    }
    return false;
}

static bool take_words(struct args *a, char *const words[], size_t n)
{
    bool options = true;
    for (size_t i = 0; i < n; i++) {
        size_t row;
        if (options && strcmp(words[i], "--") == 0) {
            options = false;
        } else if (options && looks_like_option(words[i])) {
            if (!take_option(a, words, n, &i))
                return false;
        } else if (!next_place(a, &row)) {
            return ctl_usage("One argument too many: %s", words[i]) == CTL_DONE;
        } else if (!take(a, row, span_of(words[i]))) {
            return false;
        }
    }
    return true;
}

static bool complete(const struct args *a)
{
    for (size_t row = 0; a->verb->args[row].name; row++) {
        const struct arg *arg = &a->verb->args[row];
        if ((arg->flags & ARG_REQUIRED) && !a->values[row])
            return ctl_usage("%s is missing: trunkctl help %s %s", arg->name, a->verb->noun,
                             a->verb->name) == CTL_DONE;
    }
    return true;
}

struct args *ctl_args_read(const struct verb *verb, char *const words[], size_t n)
{
    struct args *a = ctl_alloc(sizeof(*a));
    a->verb = verb;
    if (row_count(verb) <= ARGS_MAX && take_words(a, words, n) && complete(a))
        return a;
    ctl_args_free(a);
    return NULL;
}

void ctl_args_free(struct args *a)
{
    if (!a)
        return;
    for (size_t row = 0; row < ARGS_MAX; row++)
        free(a->values[row]);
    free(a);
}

/* ---- Looking at values ---- */

static size_t row_of(const struct args *a, const char *name)
{
    size_t row = 0;
    while (a->verb->args[row].name && strcmp(a->verb->args[row].name, name) != 0)
        row++;
    if (!a->verb->args[row].name) /* the verb's function and its table disagree */
        abort();
    return row;
}

bool ctl_args_given(const struct args *a, const char *name)
{
    return a->values[row_of(a, name)] != NULL;
}

const char *ctl_args_text(const struct args *a, const char *name)
{
    size_t row = row_of(a, name);
    if (a->values[row])
        return a->values[row];
    const char *otherwise = a->verb->args[row].otherwise;
    return otherwise ? otherwise : "";
}

void ctl_args_each(const struct args *a,
                   void (*fn)(void *arg, const struct arg *row, const char *value), void *arg)
{
    for (size_t row = 0; a->verb->args[row].name; row++) {
        if (a->values[row])
            fn(arg, &a->verb->args[row], a->values[row]);
    }
}

void ctl_args_fields(const struct args *a,
                     void (*fn)(void *arg, const char *field, const char *value), void *arg)
{
    for (size_t row = 0; a->verb->args[row].name; row++) {
        if (a->values[row] && a->verb->args[row].field)
            fn(arg, a->verb->args[row].field, a->values[row]);
    }
}
