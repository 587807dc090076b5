#include "ctl_type.h"

#include <ctype.h>

#include "addr.h"
#include "ctl.h"
#include "ctl_range.h"
#include "ctl_state.h"
#include "money.h"
#include "network.h"
#include "num.h"
#include "phone.h"
#include "utf8.h"

static const money_t RATE_MAX = 10000, FEE_MAX = 1000000; /* dollars */

enum {
    URL_MAX_CHARS = 512,
    CALL_MAX_CHARS = 255,
    NAME_MAX_CHARS = 64,
    TEXT_MAX_CHARS = 200,
    WORD_MAX_CHARS = 32,
    NETWORKS_MAX_CHARS = 1000
};

typedef char *read_fn(const struct arg *arg, struct span s);

bool ctl_type_printable(struct span s)
{
    return !utf8_has_control(s) && utf8_valid(s);
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
    bool good = ctl_type_printable(s) && s.n > 0 && utf8_count(s) <= NAME_MAX_CHARS;
    return good ? ctl_copy(s) : NULL;
}

static char *read_ref(const struct arg *arg, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isgraph((unsigned char)s.p[i]))
            return NULL;
    }
    size_t most = arg->type == ARG_URL    ? URL_MAX_CHARS
                  : arg->type == ARG_CALL ? CALL_MAX_CHARS
                                          : NAME_MAX_CHARS;
    return s.n > 0 && s.n <= most ? ctl_copy(s) : NULL;
}

static char *read_text(const struct arg *arg, struct span s)
{
    (void)arg;
    return ctl_type_printable(s) && utf8_count(s) <= TEXT_MAX_CHARS ? ctl_copy(s) : NULL;
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
    money_t price, most = (arg->type == ARG_PRICE ? FEE_MAX : RATE_MAX) * MONEY_DOLLAR;
    if (money_parse(s, &price) < 0 || price < 0 || price > most)
        return NULL;
    return ctl_format("%lld", (long long)price);
}

static char *read_rate_opt(const struct arg *arg, struct span s)
{
    return span_eq(s, SPAN_LIT("none")) ? ctl_copy(s) : read_price(arg, s);
}

static char *read_percent(const struct arg *arg, struct span s)
{
    (void)arg;
    money_t percent; /* a percent has as many units as a dollar */
    if (money_parse(s, &percent) < 0 || percent < 0 || percent > (money_t)100 * MONEY_DOLLAR)
        return NULL;
    return percent % 100 == 0 ? ctl_format("%lld", (long long)percent / 100) : NULL;
}

static char *read_mark(const struct arg *arg, struct span s)
{
    (void)arg;
    money_t mark;
    if (span_eq(s, SPAN_LIT("none")))
        return ctl_copy(s);
    if (money_parse(s, &mark) < 0 || mark > FEE_MAX * MONEY_DOLLAR ||
        mark < -FEE_MAX * MONEY_DOLLAR)
        return NULL;
    return ctl_format("%lld", (long long)mark);
}

static char *read_number(const struct arg *arg, struct span s)
{
    (void)arg;
    struct phone number;
    return phone_parse(s, &number) < 0 ? NULL : ctl_copy(span_of(number.digits));
}

static bool is_prefix(struct span s)
{
    return all_digits(s, 1, PHONE_E164_MAX);
}

static char *read_prefix(const struct arg *arg, struct span s)
{
    (void)arg;
    return is_prefix(s) ? ctl_copy(s) : NULL;
}

/* A list by commas, without an empty part. */
static char *read_list(struct span s, bool (*good)(struct span part))
{
    struct span rest = s, part;
    if (s.n == 0 || s.p[s.n - 1] == ',')
        return NULL;
    while (span_cut(&rest, ',', &part)) {
        if (!good(part))
            return NULL;
    }
    return ctl_copy(s);
}

static char *read_prefixes(const struct arg *arg, struct span s)
{
    (void)arg;
    return read_list(s, is_prefix);
}

static char *read_digits(const struct arg *arg, struct span s)
{
    (void)arg;
    size_t plus = s.n > 0 && s.p[0] == '+';
    struct span digits = {s.p + plus, s.n - plus};
    return all_digits(digits, 0, PHONE_E164_MAX) ? ctl_copy(s) : NULL;
}

static bool is_range(struct span s)
{
    struct range range;
    return ctl_range_parse(s, &range) == ERR_OK;
}

static char *read_addresses(const struct arg *arg, struct span s)
{
    (void)arg;
    return read_list(s, is_range);
}

static char *read_host(const struct arg *arg, struct span s)
{
    (void)arg;
    struct addr address;
    struct span name;
    uint16_t port;
    if (addr_parse_name(s, &name, &port) == ERR_OK)
        return ctl_copy(s);
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

static char *read_transport(const struct arg *arg, struct span s)
{
    static const char *const KNOWN[] = {"udp", "tcp", "tls"};
    (void)arg;
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        if (span_eq(s, span_of(KNOWN[i])))
            return ctl_copy(s);
    }
    return NULL;
}

static char *read_resporg(const struct arg *arg, struct span s)
{
    (void)arg;
    enum { LETTERS = 2, LENGTH = 5 };
    char id[LENGTH + 1] = "";
    if (s.n != LENGTH)
        return NULL;
    for (size_t i = 0; i < LENGTH; i++) {
        bool fits = i < LETTERS ? isalpha((unsigned char)s.p[i]) : isalnum((unsigned char)s.p[i]);
        if (!fits)
            return NULL;
        id[i] = (char)toupper((unsigned char)s.p[i]);
    }
    return ctl_copy(span_of(id));
}

static bool is_scope(struct span s)
{
    static const char *const KNOWN[] = {"all", "read", "write", "billing"};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        if (span_eq(s, span_of(KNOWN[i])))
            return true;
    }
    return false;
}

static char *read_scopes(const struct arg *arg, struct span s)
{
    (void)arg;
    return s.n > 0 && memchr(s.p, ' ', s.n) ? NULL : read_list(s, is_scope);
}

static bool is_network(struct span s)
{
    struct network network;
    return network_parse(s, &network) == ERR_OK;
}

static char *read_networks(const struct arg *arg, struct span s)
{
    (void)arg;
    bool plain = s.n <= NETWORKS_MAX_CHARS && !(s.n > 0 && memchr(s.p, ' ', s.n));
    return plain ? read_list(s, is_network) : NULL;
}

static const struct {
    const char *metavar, *expected;
    read_fn *read;
} types[ARG_TYPES] = {
    [ARG_FLAG] = {"",                "no value",                                                        NULL          },
    [ARG_NAME] = {"NAME",            "printable text of 1 to 64 characters",                            read_name     },
    [ARG_TEXT] = {"TEXT",            "printable text of at most 200 characters",                        read_text     },
    [ARG_REF] = {"REF",             "1 to 64 visible ASCII characters",                                read_ref      },
    [ARG_CALL] = {"CALL",            "1 to 255 visible ASCII characters",                               read_ref      },
    [ARG_WORD] = {"WORD",            "1 to 32 letters, digits, '.', '_' or '-'",                        read_word     },
    [ARG_FILE] = {"FILE",            "a file name, or - for the standard input",                        read_file     },
    [ARG_ACCOUNT] = {"ACCT",            "an account number of 7 digits",                                   read_account  },
    [ARG_COUNT] = {"N",               "an integer",                                                      read_count    },
    [ARG_LIMIT] = {"N|none",          "an integer or none",                                              read_limit    },
    [ARG_AMOUNT] = {"DOLLARS",         "dollars, not zero, at most four decimals",                        read_amount   },
    [ARG_PRICE] = {"DOLLARS",         "dollars from 0 to 1000000, at most four decimals",                read_price    },
    [ARG_RATE] = {"DOLLARS",         "dollars from 0 to 10000, at most four decimals",                  read_price    },
    [ARG_RATE_OPT] = {"DOLLARS|none",    "dollars from 0 to 10000, or none",                                read_rate_opt },
    [ARG_PERCENT] = {"PERCENT",         "0 to 100, at most two decimals",                                  read_percent  },
    [ARG_NUMBER] = {"NUMBER",          "a telephone number of 10 digits",                                 read_number   },
    [ARG_PREFIX] = {"PREFIX",          "1 to 15 digits",                                                  read_prefix   },
    [ARG_PREFIXES] = {"PREFIX,…",      "prefixes of 1 to 15 digits by comma",                             read_prefixes },
    [ARG_DIGITS] = {"DIGITS",          "at most 15 digits, with or without a leading +",                  read_digits   },
    [ARG_ADDRESSES] = {"ADDR,…",        "IP addresses or IPv4 blocks from /24 to /32 by comma",
                  read_addresses                                                                                      },
    [ARG_HOST] = {"HOST[:PORT]",     "an IP address for calls, or a host name, with or without a port",
                  read_host                                                                                           },
    [ARG_STATE] = {"STATE",           "a state's two letters, or tf for toll-free numbers",              read_state    },
    [ARG_TRANSPORT] = {"udp|tcp|tls",     "udp, tcp or tls",                                                 read_transport},
    [ARG_MARK] = {"DOLLARS|none",    "dollars up to 1000000, at most four decimals, or none",
                  read_mark                                                                                           },
    [ARG_URL] = {"URL",             "a URL of 1 to 512 visible ASCII characters",                      read_ref      },
    [ARG_RESPORG] = {"ID",              "two letters and three letters or digits",                         read_resporg  },
    [ARG_SCOPES] = {"SCOPE,…",       "read, write, billing by comma, or all",                           read_scopes   },
    [ARG_NETWORKS] = {"ADDR[/BITS],…", "IP addresses or networks by comma",                               read_networks },
};

char *ctl_type_read(const struct arg *arg, struct span s)
{
    return types[arg->type].read(arg, s);
}

const char *ctl_type_metavar(enum arg_type type)
{
    return types[type].metavar;
}

const char *ctl_type_expected(enum arg_type type)
{
    return types[type].expected;
}
