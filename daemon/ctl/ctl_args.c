#include "ctl_args.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "addr.h"
#include "ctl.h"
#include "ctl_range.h"
#include "ctl_state.h"
#include "money.h"
#include "num.h"
#include "phone.h"
#include "utf8.h"

static const money_t RATE_MAX = 10000, FEE_MAX = 1000000; /* dollars */

enum { NAME_MAX_CHARS = 64, TEXT_MAX_CHARS = 200, WORD_MAX_CHARS = 32, ARGS_MAX = 32 };

struct args {
    const struct verb *verb;
    char *values[ARGS_MAX]; /* NULL: not given; one for each row of verb->args */
};

/* ---- Reading one value: its form for Redis, or NULL ---- */

typedef char *read_fn(const struct arg *arg, struct span s);

bool ctl_args_printable(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char byte = (unsigned char)s.p[i];
        bool c1 = byte == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;
        if (byte < 0x20 || byte == 0x7f || c1)
            return false;
    }
    return utf8_valid(s);
}

static bool all_digits(struct span s, size_t min, size_t max)
{
    if (s.n < min || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.p[i]))
            return false;
    }
    return true;
}

static char *read_name(const struct arg *arg, struct span s)
{
    (void)arg;
    bool good = ctl_args_printable(s) && s.n > 0 && utf8_count(s) <= NAME_MAX_CHARS;
    return good ? ctl_copy(s) : NULL;
}

static char *read_ref(const struct arg *arg, struct span s)
{
    (void)arg;
    for (size_t i = 0; i < s.n; i++) {
        if (!isgraph((unsigned char)s.p[i]))
            return NULL;
    }
    return s.n > 0 && s.n <= NAME_MAX_CHARS ? ctl_copy(s) : NULL;
}

static char *read_text(const struct arg *arg, struct span s)
{
    (void)arg;
    return ctl_args_printable(s) && utf8_count(s) <= TEXT_MAX_CHARS ? ctl_copy(s) : NULL;
}

static char *read_word(const struct arg *arg, struct span s)
{
    (void)arg;
    if (s.n == 0 || s.n > WORD_MAX_CHARS)
        return NULL;
    for (size_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.p[i]) && !strchr("._-", s.p[i]))
            return NULL;
    }
    return ctl_copy(s);
}

static char *read_file(const struct arg *arg, struct span s)
{
    (void)arg;
    return s.n > 0 ? ctl_copy(s) : NULL;
}

static char *read_account(const struct arg *arg, struct span s)
{
    (void)arg;
    return all_digits(s, 7, 7) && s.p[0] != '0' ? ctl_copy(s) : NULL;
}

static char *read_count(const struct arg *arg, struct span s)
{
    int64_t value;
    if (num_parse(s, arg->min, arg->max, &value) < 0)
        return NULL;
    return ctl_format("%lld", (long long)value);
}

static char *read_limit(const struct arg *arg, struct span s)
{
    return span_eq(s, SPAN_LIT("none")) ? ctl_copy(s) : read_count(arg, s);
}

static char *read_amount(const struct arg *arg, struct span s)
{
    (void)arg;
    money_t amount;
    if (money_parse(s, &amount) < 0 || amount == 0)
        return NULL;
    return ctl_format("%lld", (long long)amount);
}

static char *read_price(const struct arg *arg, struct span s)
{
    money_t price, most = (arg->type == ARG_RATE ? RATE_MAX : FEE_MAX) * MONEY_DOLLAR;
    if (money_parse(s, &price) < 0 || price < 0 || price > most)
        return NULL;
    return ctl_format("%lld", (long long)price);
}

static char *read_percent(const struct arg *arg, struct span s)
{
    (void)arg;
    money_t percent; /* a percent has as many units as a dollar */
    if (money_parse(s, &percent) < 0 || percent < 0 || percent > (money_t)100 * MONEY_DOLLAR)
        return NULL;
    return percent % 100 == 0 ? ctl_format("%lld", (long long)percent / 100) : NULL;
}

static char *read_number(const struct arg *arg, struct span s)
{
    (void)arg;
    struct phone number;
    return phone_parse(s, &number) < 0 ? NULL : ctl_copy(span_of(number.digits));
}

static char *read_prefix(const struct arg *arg, struct span s)
{
    (void)arg;
    return all_digits(s, 1, PHONE_E164_MAX) ? ctl_copy(s) : NULL;
}

static char *read_prefixes(const struct arg *arg, struct span s)
{
    (void)arg;
    struct span rest = s, part;
    if (s.n == 0)
        return NULL;
    while (span_cut(&rest, ',', &part)) {
        if (!all_digits(part, 1, PHONE_E164_MAX))
            return NULL;
    }
    return ctl_copy(s);
}

static char *read_digits(const struct arg *arg, struct span s)
{
    (void)arg;
    size_t plus = s.n > 0 && s.p[0] == '+';
    struct span digits = {s.p + plus, s.n - plus};
    return all_digits(digits, 0, PHONE_E164_MAX) ? ctl_copy(s) : NULL;
}

static char *read_addresses(const struct arg *arg, struct span s)
{
    (void)arg;
    struct span rest = s, part;
    struct range range;
    if (s.n == 0)
        return NULL;
    while (span_cut(&rest, ',', &part)) {
        if (ctl_range_parse(part, &range) < 0)
            return NULL;
    }
    return ctl_copy(s);
}

static char *read_host(const struct arg *arg, struct span s)
{
    (void)arg;
    struct addr address;
    if (addr_parse_port(s, 5060, &address) < 0 || addr_is_unroutable(&address))
        return NULL;
    return addr_port(&address) == 0 ? NULL : ctl_copy(s);
}

static char *read_state(const struct arg *arg, struct span s)
{
    (void)arg;
    const char *state = ctl_state_find(s);
    return state ? ctl_copy(span_of(state)) : NULL;
}

static const struct {
    const char *metavar, *expected;
    read_fn *read;
} types[ARG_TYPES] = {
    [ARG_FLAG] = {"",            "no value",                                                        NULL         },
    [ARG_NAME] = {"NAME",        "printable text of 1 to 64 characters",                            read_name    },
    [ARG_TEXT] = {"TEXT",        "printable text of at most 200 characters",                        read_text    },
    [ARG_REF] = {"REF",         "1 to 64 visible ASCII characters",                                read_ref     },
    [ARG_WORD] = {"WORD",        "1 to 32 letters, digits, '.', '_' or '-'",                        read_word    },
    [ARG_FILE] = {"FILE",        "a file name, or - for the standard input",                        read_file    },
    [ARG_ACCOUNT] = {"ACCT",        "an account number of 7 digits",                                   read_account },
    [ARG_COUNT] = {"N",           "an integer",                                                      read_count   },
    [ARG_LIMIT] = {"N|none",      "an integer or none",                                              read_limit   },
    [ARG_AMOUNT] = {"DOLLARS",     "dollars, not zero, at most four decimals",                        read_amount  },
    [ARG_PRICE] = {"DOLLARS",     "dollars from 0 to 1000000, at most four decimals",                read_price   },
    [ARG_RATE] = {"DOLLARS",     "dollars from 0 to 10000, at most four decimals",                  read_price   },
    [ARG_PERCENT] = {"PERCENT",     "0 to 100, at most two decimals",                                  read_percent },
    [ARG_NUMBER] = {"NUMBER",      "a telephone number of 10 digits",                                 read_number  },
    [ARG_PREFIX] = {"PREFIX",      "1 to 15 digits",                                                  read_prefix  },
    [ARG_PREFIXES] = {"PREFIX,…",  "prefixes of 1 to 15 digits by comma",                             read_prefixes},
    [ARG_DIGITS] = {"DIGITS",      "at most 15 digits, with or without a leading +",                  read_digits  },
    [ARG_ADDRESSES] = {"ADDR,…",    "IP addresses or IPv4 blocks from /24 to /32 by comma",
                  read_addresses                                                                                 },
    [ARG_HOST] = {"HOST[:PORT]", "an IP address that calls can be sent to, with or without a port",
                  read_host                                                                                      },
    [ARG_STATE] = {"STATE",       "a state's two letters, or tf for toll-free numbers",              read_state   },
};

/* ---- The command line ---- */

const char *ctl_args_metavar(const struct arg *arg)
{
    return arg->name[0] == '-' ? types[arg->type].metavar : arg->name;
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
    bool whole = ctl_args_printable(s) && span_copy(s, shown, sizeof(shown));
    ctl_usage("Invalid %s%s%s: expected %s%s", arg->name, whole ? " " : "", whole ? shown : "",
              types[arg->type].expected, bounds);
    return CTL_USAGE;
}

static bool take(struct args *a, size_t row, struct span s)
{
    const struct arg *arg = &a->verb->args[row];
    if (a->values[row] && !(arg->flags & ARG_REST)) {
        ctl_usage("%s is given twice", arg->name);
        return false;
    }
    char *value = types[arg->type].read(arg, s);
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

int64_t ctl_args_int(const struct args *a, const char *name)
{
    int64_t value = 0;
    if (num_parse_signed(span_of(ctl_args_text(a, name)), INT64_MIN, INT64_MAX, &value) < 0)
        return 0;
    return value;
}

void ctl_args_fields(const struct args *a,
                     void (*fn)(void *arg, const char *field, const char *value), void *arg)
{
    for (size_t row = 0; a->verb->args[row].name; row++) {
        if (a->values[row] && a->verb->args[row].field)
            fn(arg, a->verb->args[row].field, a->values[row]);
    }
}
