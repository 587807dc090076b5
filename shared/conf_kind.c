#include "conf_kind.h"

#include <inttypes.h>
#include <string.h>

#include "addr.h"
#include "clock.h"
#include "listen.h"
#include "money.h"
#include "network.h"
#include "num.h"
#include "redis_target.h"
#include "span.h"

static int set_text(const struct row *row, void *field, const char *value)
{
    size_t n = strlen(value);
    if (n < (size_t)row->min || n > (size_t)row->max)
        return ERR_RANGE;
    memset(field, 0, CONF_TEXT);
    memcpy(field, value, n);
    return ERR_OK;
}

static void describe_text(const struct row *row, char buf[DESCRIPTION])
{
    snprintf(buf, DESCRIPTION, "a text of %" PRId64 " to %" PRId64 " bytes", row->min, row->max);
}

static int set_url(const struct row *row, void *field, const char *value)
{
    struct span s = span_of(value);
    if (s.n > 0 && !span_starts_nocase(s, SPAN_LIT("http://")) &&
        !span_starts_nocase(s, SPAN_LIT("https://")))
        return ERR_INVALID;
    return set_text(row, field, value);
}

static void describe_url(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "empty, or a URL that starts with http:// or https://");
}

static int set_name(const struct row *row, void *field, const char *value)
{
    static const char ALLOWED[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:_-";
    if (value[strspn(value, ALLOWED)] != '\0')
        return ERR_INVALID;
    return set_text(row, field, value);
}

static void describe_name(const struct row *row, char buf[DESCRIPTION])
{
    snprintf(buf, DESCRIPTION, "at most %" PRId64 " of the characters A-Z a-z 0-9 . : _ -",
             row->max);
}

static int set_int(const struct row *row, void *field, const char *value)
{
    return num_parse(span_of(value), row->min, row->max, field);
}

static void describe_int(const struct row *row, char buf[DESCRIPTION])
{
    snprintf(buf, DESCRIPTION, "a number from %" PRId64 " to %" PRId64, row->min, row->max);
}

static int set_either(const struct row *row, void *field, const char *value)
{
    int64_t v;
    int err = num_parse(span_of(value), row->min, row->max, &v);
    if (err != ERR_OK)
        return err;
    if (v != row->min && v != row->max)
        return ERR_RANGE;
    *(int64_t *)field = v;
    return ERR_OK;
}

static void describe_either(const struct row *row, char buf[DESCRIPTION])
{
    snprintf(buf, DESCRIPTION, "%" PRId64 " or %" PRId64, row->min, row->max);
}

static int set_bool(const struct row *row, void *field, const char *value)
{
    static const char *const YES[] = {"yes", "true", "1"}, *const NO[] = {"no", "false", "0"};
    (void)row;
    for (size_t i = 0; i < 3; i++) {
        bool yes = strcmp(value, YES[i]) == 0;
        if (yes || strcmp(value, NO[i]) == 0) {
            *(bool *)field = yes;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

static void describe_bool(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "yes or no");
}

static int set_level(const struct row *row, void *field, const char *value)
{
    (void)row;
    return log_level_parse(value, field);
}

static void describe_level(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "error, warn, info or debug");
}

static int set_target(const struct row *row, void *field, const char *value)
{
    struct redis_target target;
    int err = redis_target_address(value, &target);
    return err == ERR_OK ? set_text(row, field, value) : err;
}

static void describe_target(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "HOST:PORT, [IPV6]:PORT or unix:/PATH");
}

/* A row with min 0 may be empty. */
static int set_addr(const struct row *row, void *field, const char *value)
{
    struct addr a;
    if ((*value != '\0' || row->min > 0) &&
        (addr_parse_port(span_of(value), 0, &a) != ERR_OK || addr_port(&a) == 0))
        return ERR_INVALID;
    return set_text(row, field, value);
}

static void describe_addr(const struct row *row, char buf[DESCRIPTION])
{
    snprintf(buf, DESCRIPTION, "%sADDRESS:PORT or [IPV6]:PORT", row->min == 0 ? "empty, " : "");
}

static int set_addrs(const struct row *row, void *field, const char *value)
{
    struct span rest = span_of(value), part;
    struct addr a;
    while (span_cut(&rest, ',', &part)) {
        if (addr_parse_port(part, 0, &a) != ERR_OK || addr_port(&a) == 0)
            return ERR_INVALID;
    }
    return set_text(row, field, value);
}

static void describe_addrs(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "empty, or ADDRESS:PORT or [IPV6]:PORT, several by comma");
}

static int set_listen(const struct row *row, void *field, const char *value)
{
    struct span rest = span_of(value), part;
    while (span_cut(&rest, ',', &part)) {
        if (listen_parse(part, &(struct listen){0}) != ERR_OK)
            return ERR_INVALID;
    }
    return set_text(row, field, value);
}

static void describe_listen(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "[udp:|tcp:|tls:]ADDRESS:PORT or [IPV6]:PORT, several by comma");
}

static int set_collector(const struct row *row, void *field, const char *value)
{
    struct collector c;
    bool none = *value == '\0';
    return none || collector_parse(span_of(value), &c) == ERR_OK ? set_text(row, field, value)
                                                                 : ERR_INVALID;
}

static void describe_collector(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "udp:HOST:PORT or tcp:HOST:PORT, or empty");
}

/* Elements may be empty. */
static int set_advertise(const struct row *row, void *field, const char *value)
{
    struct span rest = span_of(value), part;
    while (span_cut(&rest, ',', &part)) {
        if (part.n > 0 && addr_parse_port(part, 0, &(struct addr){0}) != ERR_OK)
            return ERR_INVALID;
    }
    return set_text(row, field, value);
}

static void describe_advertise(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "empty, ADDRESS[:PORT] or [IPV6][:PORT], several by comma");
}

static int set_hosts(const struct row *row, void *field, const char *value)
{
    struct span rest = span_of(value), part;
    while (span_cut(&rest, ',', &part)) {
        if (addr_parse(part, 0, &(struct addr){0}) != ERR_OK)
            return ERR_INVALID;
    }
    return set_text(row, field, value);
}

static void describe_hosts(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "empty, or addresses without a port, several by comma");
}

static int set_money(const struct row *row, void *field, const char *value)
{
    money_t v;
    int err = money_parse(span_of(value), &v);
    if (err != ERR_OK)
        return err;
    if (v < row->min || v > row->max)
        return ERR_RANGE;
    *(int64_t *)field = v;
    return ERR_OK;
}

static void describe_money(const struct row *row, char buf[DESCRIPTION])
{
    char least[MONEY_TEXT], most[MONEY_TEXT];
    snprintf(buf, DESCRIPTION, "an amount from %s to %s", money_text(row->min, least),
             money_text(row->max, most));
}

/* One of the words, which end with NULL. */
static int set_word(const struct row *row, void *field, const char *value,
                    const char *const words[])
{
    for (; *words != NULL; words++) {
        if (strcmp(value, *words) == 0)
            return set_text(row, field, value);
    }
    return ERR_INVALID;
}

static int set_payer(const struct row *row, void *field, const char *value)
{
    static const char *const KNOWN[] = {"none", "sandbox", "http", NULL};
    return set_word(row, field, value, KNOWN);
}

static void describe_payer(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "none, sandbox or http");
}

static int set_forwarded(const struct row *row, void *field, const char *value)
{
    static const char *const KNOWN[] = {"X-Forwarded-For", "Forwarded", NULL};
    return set_word(row, field, value, KNOWN);
}

static void describe_forwarded(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "X-Forwarded-For or Forwarded");
}

static int set_networks(const struct row *row, void *field, const char *value)
{
    int err = network_list_check(span_of(value));
    return err == ERR_OK ? set_text(row, field, value) : err;
}

static void describe_networks(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "empty, or ADDRESS[/BITS], several by comma");
}

static int set_codes(const struct row *row, void *field, const char *value)
{
    struct span rest = span_of(value), code;
    while (span_cut(&rest, ',', &code)) {
        int64_t n;
        if (code.n != 3 || num_parse(code, 200, 999, &n) != ERR_OK)
            return ERR_INVALID;
    }
    return set_text(row, field, value);
}

static void describe_codes(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "three-digit codes by comma");
}

static int set_days(const struct row *row, void *field, const char *value)
{
    struct span rest = span_of(value), day;
    while (span_cut(&rest, ',', &day)) {
        int64_t ms;
        if (day.n != sizeof("YYYY-MM-DD") - 1 || clock_parse(day, &ms) != ERR_OK)
            return ERR_INVALID;
    }
    return set_text(row, field, value);
}

static void describe_days(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "empty, or YYYY-MM-DD, several by comma");
}

const struct kind KIND_TEXT = {set_text, describe_text};
const struct kind KIND_URL = {set_url, describe_url};
const struct kind KIND_NAME = {set_name, describe_name};
const struct kind KIND_INT = {set_int, describe_int};
const struct kind KIND_EITHER = {set_either, describe_either};
const struct kind KIND_BOOL = {set_bool, describe_bool};
const struct kind KIND_LEVEL = {set_level, describe_level};
const struct kind KIND_TARGET = {set_target, describe_target};
const struct kind KIND_ADDR = {set_addr, describe_addr};
const struct kind KIND_ADDRS = {set_addrs, describe_addrs};
const struct kind KIND_LISTEN = {set_listen, describe_listen};
const struct kind KIND_ADVERTISE = {set_advertise, describe_advertise};
const struct kind KIND_CODES = {set_codes, describe_codes};
const struct kind KIND_DAYS = {set_days, describe_days};
const struct kind KIND_MONEY = {set_money, describe_money};
const struct kind KIND_PAYER = {set_payer, describe_payer};
const struct kind KIND_HOSTS = {set_hosts, describe_hosts};
const struct kind KIND_NETWORKS = {set_networks, describe_networks};
const struct kind KIND_COLLECTOR = {set_collector, describe_collector};
const struct kind KIND_FORWARDED = {set_forwarded, describe_forwarded};
