#include "ctl_help.h"

#include <stdio.h>
#include <string.h>

enum { VERB_WIDTH = 22, ARG_WIDTH = 30 };

static const char general[] =
    "Usage: trunkctl [OPTION…] NOUN VERB [ARGUMENT…]\n"
    "The operator's command line of Trunkline.\n\n"
    "Options, anywhere on the line:\n"
    "  -c FILE                INI file, the same as of trunkd and sipmod\n"
    "  -o SECTION.KEY=VALUE   one setting over the file's\n"
    "  --redis ADDR:PORT      the Redis server, the same as -o redis.address=ADDR:PORT\n"
    "  --json                 print JSON: an object, or an array of objects for lists\n"
    "  -h, --help             help about all, a noun or a verb\n"
    "  -V, --version          print the version\n\n"
    "Ends with 0: done; 1: refused or failed; 2: wrong usage, and nothing was changed.\n";

static void print_line(const char *head, int width, const char *doc)
{
    int used = printf("  %s", head) - 2;
    printf("%*s%s\n", used < width ? width - used : 1, "", doc);
}

static void print_verb_line(const struct verb *v)
{
    char head[64];
    snprintf(head, sizeof(head), "%s %s", v->noun, v->name);
    print_line(head, VERB_WIDTH, v->doc);
}

static bool is_option(const struct arg *arg)
{
    return arg->name[0] == '-';
}

static void print_usage(const struct verb *v)
{
    printf("Usage: trunkctl %s%s%s", v->noun, v->name[0] ? " " : "", v->name);
    bool options = false;
    for (const struct arg *arg = v->args; arg->name; arg++) {
        options |= is_option(arg);
        if (is_option(arg))
            continue;
        bool needed = arg->flags & ARG_REQUIRED;
        printf(needed ? " %s%s" : " [%s]%s", arg->name, arg->flags & ARG_REST ? "…" : "");
    }
    printf("%s\n%c%s.\n", options ? " [OPTION…]" : "", v->doc[0] - 'a' + 'A', v->doc + 1);
}

static void print_arg(const struct arg *arg)
{
    char head[64];
    snprintf(head, sizeof(head), "%s%s%s", arg->name, is_option(arg) ? " " : "",
             is_option(arg) ? ctl_args_metavar(arg) : "");
    print_line(head, ARG_WIDTH, arg->doc);
}

static void print_args(const struct verb *v, bool options)
{
    bool any = false;
    for (const struct arg *arg = v->args; arg->name; arg++) {
        if (is_option(arg) != options)
            continue;
        if (!any)
            printf("\n%s:\n", options ? "Options" : "Arguments");
        any = true;
        print_arg(arg);
    }
}

static int print_verb(const struct verb *v)
{
    print_usage(v);
    print_args(v, false);
    print_args(v, true);
    return CTL_DONE;
}

static int print_noun(const char *noun)
{
    printf("Usage: trunkctl %s VERB [ARGUMENT…]\n\n", noun);
    for (const struct verb *v = ctl_verbs; v->noun; v++) {
        if (strcmp(v->noun, noun) == 0)
            print_verb_line(v);
    }
    printf("\ntrunkctl help %s VERB tells more.\n", noun);
    return CTL_DONE;
}

static int print_all(void)
{
    fputs(general, stdout);
    const char *noun = "";
    for (const struct verb *v = ctl_verbs; v->noun; v++) {
        if (strcmp(v->noun, noun) != 0)
            putchar('\n');
        noun = v->noun;
        print_verb_line(v);
    }
    puts("\ntrunkctl help NOUN VERB tells more.");
    return CTL_DONE;
}

int ctl_help(char *const words[], size_t n)
{
    size_t used;
    if (n == 0)
        return print_all();
    const struct verb *verb = ctl_verbs_find(words, n, &used);
    if (verb)
        return print_verb(verb);
    if (!ctl_verbs_noun(words[0]))
        return ctl_usage("no such noun: %s; trunkctl help lists them", words[0]);
    if (n > 1)
        return ctl_usage("no such verb: %s %s; trunkctl help %s lists them", words[0], words[1],
                         words[0]);
    return print_noun(words[0]);
}
