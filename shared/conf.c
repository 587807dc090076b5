#include "conf.h"

#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "clock.h"
#include "money.h"
#include "num.h"
#include "redis_target.h"
#include "span.h"

enum { LINE_MAX_BYTES = 1024, DESCRIPTION = 128 };

struct row;

/* What a value of a row looks like: NULL-terminated text in, field out. */
struct kind {
    int (*set)(const struct row *row, void *field, const char *value);
    void (*describe)(const struct row *row, char buf[DESCRIPTION]);
};

struct row {
    const char *section, *key;
    const struct kind *kind;
    size_t offset;
    int64_t min, max; /* of a number; of a text its bytes */
    const char *preset;
    const char *unit; /* "" when it has none */
    const char *doc;
};

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
    while (span_cut(&rest, ',', &part)) {
        struct addr a;
        if (addr_parse_port(part, 0, &a) != ERR_OK || addr_port(&a) == 0)
            return ERR_INVALID;
    }
    return set_text(row, field, value);
}

static void describe_addrs(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "ADDRESS:PORT or [IPV6]:PORT, several by comma");
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

static int set_payer(const struct row *row, void *field, const char *value)
{
    static const char *const KNOWN[] = {"none", "sandbox", "http"};
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        if (strcmp(value, KNOWN[i]) == 0)
            return set_text(row, field, value);
    }
    return ERR_INVALID;
}

static void describe_payer(const struct row *row, char buf[DESCRIPTION])
{
    (void)row;
    snprintf(buf, DESCRIPTION, "none, sandbox or http");
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

static const struct kind TEXT = {set_text, describe_text}, URL = {set_url, describe_url},
                         NAME = {set_name, describe_name}, INT = {set_int, describe_int},
                         EITHER = {set_either, describe_either}, BOOL = {set_bool, describe_bool},
                         LEVEL = {set_level, describe_level},
                         TARGET = {set_target, describe_target}, ADDR = {set_addr, describe_addr},
                         ADDRS = {set_addrs, describe_addrs}, CODES = {set_codes, describe_codes},
                         DAYS = {set_days, describe_days}, MONEY = {set_money, describe_money},
                         PAYER = {set_payer, describe_payer};

enum { LONGEST = CONF_TEXT - 1, MANY = 1000000, BODY_MAX = 1 << 30, NODE_MAX = 100 };

/* clang-format off */
#define ROW(section, key) #section, #key
#define AT(field) offsetof(struct conf, field)
static const struct row ROWS[] = {
    {ROW(redis, address), &TARGET, AT(redis.address), 1, LONGEST, "127.0.0.1:6379", "",
     "Where Redis is."},
    {ROW(redis, user), &TEXT, AT(redis.user), 0, LONGEST, "", "",
     "ACL user; empty: Redis's default user."},
    {ROW(redis, password), &TEXT, AT(redis.password), 0, LONGEST, "", "",
     "Password of that user; empty: no login."},
    {ROW(redis, timeout_ms), &INT, AT(redis.timeout_ms), 10, 60000, "500", "milliseconds",
     "Longest wait for a connection and for one reply."},
    {ROW(redis, pool), &INT, AT(redis.pool), 1, 1024, "16", "connections",
     "Connections that trunkd opens at most."},

    {ROW(http, listen), &ADDR, AT(http.listen), 1, LONGEST, "127.0.0.1:8080", "",
     "Where trunkd serves the API."},
    {ROW(http, base_url), &URL, AT(http.base_url), 0, LONGEST, "", "",
     "Prefix of the links to files; empty: from the request's Host header."},
    {ROW(http, threads), &INT, AT(http.threads), 1, 256, "4", "threads",
     "Threads that serve requests."},
    {ROW(http, connections), &INT, AT(http.connections), 1, MANY, "2000", "connections",
     "Connections at once."},
    {ROW(http, connections_per_address), &INT, AT(http.connections_per_address), 1, MANY, "512",
     "connections", "Connections at once from one client address."},
    {ROW(http, idle_timeout_s), &INT, AT(http.idle_timeout_s), 1, 3600, "15", "seconds",
     "A connection without a byte for so long is closed."},
    {ROW(http, request_timeout_s), &INT, AT(http.request_timeout_s), 1, 3600, "30", "seconds",
     "Longest time that one whole request may take to arrive."},
    {ROW(http, body_max), &INT, AT(http.body_max), 1024, BODY_MAX, "1048576", "bytes",
     "Largest body of a request."},

    {ROW(sip, listen), &ADDRS, AT(sip.listen), 1, LONGEST, "127.0.0.1:5060", "",
     "Where sipmod takes SIP messages."},
    {ROW(sip, advertise), &ADDR, AT(sip.advertise), 0, LONGEST, "", "",
     "Address put into Via and Record-Route; empty: the one it listens on."},
    {ROW(sip, node), &NAME, AT(sip.node), 0, NODE_MAX, "", "",
     "Name of this instance, different for each; empty: host name and port."},
    {ROW(sip, unknown_source_403), &BOOL, AT(sip.unknown_source_403), 0, 1, "no", "",
     "Answer 403 to an unlisted source; no: stay silent."},
    {ROW(sip, t1_ms), &INT, AT(sip.t1_ms), 50, 10000, "500", "milliseconds",
     "Estimate of the round trip: T1 of RFC 3261 section 17."},
    {ROW(sip, no_answer_ms), &INT, AT(sip.no_answer_ms), 100, 120000, "4000", "milliseconds",
     "A target that sends no response at all to an INVITE for so long is given up for the next."},
    {ROW(sip, timer_c_s), &INT, AT(sip.timer_c_s), 1, 3600, "185", "seconds",
     "Longest ringing: timer C of RFC 3261 section 16.6, which asks for more than 180."},
    {ROW(sip, sessions_code), &EITHER, AT(sip.sessions_code), 486, 503, "486", "SIP code",
     "Refusal of a call over the sessions of a trunk group."},
    {ROW(sip, retry_after_s), &INT, AT(sip.retry_after_s), 1, 3600, "5", "seconds",
     "Retry-After of the 503 sent while Redis can't be asked."},
    {ROW(sip, store_timeout_ms), &INT, AT(sip.store_timeout_ms), 10, 30000, "400", "milliseconds",
     "Longest wait of an INVITE for Redis."},
    {ROW(sip, lease_s), &INT, AT(sip.lease_s), 1, 3600, "300", "seconds",
     "An instance that is silent for so long counts as dead; its calls are closed."},
    {ROW(sip, longest_call_s), &INT, AT(sip.longest_call_s), 1, 604800, "14400", "seconds",
     "Longest duration of a call."},
    {ROW(sip, message_max), &INT, AT(sip.message_max), 1024, 65535, "16384", "bytes",
     "Largest SIP message."},
    {ROW(sip, drain_s), &INT, AT(sip.drain_s), 0, 3600, "35", "seconds",
     "Longest wait for open transactions at SIGTERM."},

    {ROW(policy, sessions_auto), &INT, AT(policy.sessions_auto), 0, MANY, "100", "calls at once",
     "Sessions of a trunk group granted at once up to this; above, the operator grants."},
    {ROW(policy, ports_auto), &INT, AT(policy.ports_auto), 0, MANY, "100", "calls at once",
     "Ports of a termination trunk granted at once up to this."},
    {ROW(policy, cps_auto), &INT, AT(policy.cps_auto), 0, MANY, "50", "calls a second",
     "Calls a second of a termination trunk granted at once up to this."},
    {ROW(policy, cps_default), &INT, AT(policy.cps_default), 1, MANY, "10", "calls a second",
     "What a termination trunk asks for when it names no cps."},
    {ROW(policy, loopback_trunks), &BOOL, AT(policy.loopback_trunks), 0, 1, "no", "",
     "Allow trunk addresses on loopback, for tests and demos."},
    {ROW(policy, hold_minutes), &INT, AT(policy.hold_minutes), 1, 43200, "240", "minutes",
     "Life of the hold of a number in a cart."},
    {ROW(policy, order_hold_hours), &INT, AT(policy.order_hold_hours), 1, 8760, "72", "hours",
     "Life of the hold of a number in an open order."},
    {ROW(policy, quarantine_days), &INT, AT(policy.quarantine_days), 0, 3650, "30", "days",
     "Rest of a cancelled number before it is free again."},
    {ROW(policy, search_max), &INT, AT(policy.search_max), 1, MANY, "10000", "numbers",
     "Numbers in one reply to a search."},
    {ROW(policy, tollfree_codes), &CODES, AT(policy.tollfree_codes), 3, LONGEST,
     "800,833,844,855,866,877,888", "", "Toll-free codes in service."},
    {ROW(policy, port_minimum_days), &INT, AT(policy.port_minimum_days), 0, 60, "4",
     "business days", "From the order of a port-in to its first possible transfer (FOC)."},
    {ROW(policy, port_maximum_days), &INT, AT(policy.port_maximum_days), 1, 365, "30", "days",
     "From the order of a port-in to its last possible transfer."},
    {ROW(policy, port_holidays), &DAYS, AT(policy.port_holidays), 0, LONGEST, "", "",
     "Days without transfers, beside weekends and US federal holidays."},

    {ROW(files, dir), &TEXT, AT(files.dir), 1, LONGEST, "/var/lib/trunkline/files", "",
     "Folder of invoices, call records and documents; several trunkd share it."},
    {ROW(files, link_hours), &INT, AT(files.link_hours), 1, 8760, "24", "hours",
     "Life of a link to a file."},

    {ROW(payment, gateway), &PAYER, AT(payment.gateway), 1, LONGEST, "none", "",
     "Who charges cards for live accounts; sandbox accounts always pay play money."},
    {ROW(payment, url), &URL, AT(payment.url), 0, LONGEST, "", "",
     "Where the http gateway is (daemon/gateway_http.h)."},
    {ROW(payment, token), &TEXT, AT(payment.token), 0, LONGEST, "", "",
     "Bearer token at the http gateway."},
    {ROW(payment, ca), &TEXT, AT(payment.ca), 0, LONGEST, "", "",
     "PEM file of the authorities trusted to name the gateway; empty: those of the system."},
    {ROW(payment, timeout_ms), &INT, AT(payment.timeout_ms), 100, 60000, "8000", "milliseconds",
     "Longest wait for one answer of the gateway."},
    {ROW(payment, tries), &INT, AT(payment.tries), 1, 10, "2", "tries",
     "Tries of one charge, all with the same key."},
    {ROW(payment, fee_bp), &INT, AT(payment.fee_bp), 0, 10000, "0", "1/10,000",
     "Credit Card Fee: share of the charge."},
    {ROW(payment, fee_fixed), &MONEY, AT(payment.fee_fixed), 0, 1000000, "0", "dollars",
     "Credit Card Fee: fixed part."},
    {ROW(payment, least), &MONEY, AT(payment.least), 100, INT64_C(100000000000), "1", "dollars",
     "Smallest payment by card."},
    {ROW(payment, most), &MONEY, AT(payment.most), 100, INT64_C(100000000000), "10000", "dollars",
     "Largest payment by card."},
    {ROW(payment, repeat_minutes), &INT, AT(payment.repeat_minutes), 0, 1440, "10", "minutes",
     "The same card and amount again within this time, without an Idempotency-Key, is the same "
     "payment."},

    {ROW(company, name), &TEXT, AT(company.name), 1, 60, "Trunkline", "",
     "Name on invoices and settings sheets."},
    {ROW(company, address), &TEXT, AT(company.address), 0, LONGEST, "", "",
     "Postal address; lines by '|'."},
    {ROW(company, email), &TEXT, AT(company.email), 0, 80, "", "", "Where customers write to."},
    {ROW(company, phone), &TEXT, AT(company.phone), 0, 40, "", "", "Where customers call."},
    {ROW(company, website), &TEXT, AT(company.website), 0, 80, "", "", "Home page."},

    {ROW(log, level), &LEVEL, AT(log.level), 0, 0, "info", "",
     "What is written to stderr: this level and worse."},
};
/* clang-format on */

enum { ROW_COUNT = sizeof(ROWS) / sizeof(ROWS[0]) };

static int row_set(const struct row *row, struct conf *c, const char *value)
{
    return row->kind->set(row, (char *)c + row->offset, value);
}

static const struct row *find_row(struct span section, struct span key)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (span_eq(span_of(ROWS[i].section), section) && span_eq(span_of(ROWS[i].key), key))
            return &ROWS[i];
    }
    return NULL;
}

static bool section_exists(struct span section)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (span_eq(span_of(ROWS[i].section), section))
            return true;
    }
    return false;
}

void conf_defaults(struct conf *c)
{
    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (row_set(&ROWS[i], c, ROWS[i].preset) != ERR_OK)
            abort(); /* a mistake in ROWS */
    }
}

/* A file under way. */
struct load {
    struct conf *conf;
    FILE *file;
    const char *path;
    char *error; /* CONF_ERROR bytes, empty so far */
    int line;
    bool seen[ROW_COUNT];
};

/* Keeps the first error alone. */
static void fail(struct load *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void fail(struct load *l, const char *fmt, ...)
{
    if (l->error[0] != '\0')
        return;
    int n = snprintf(l->error, CONF_ERROR, "%s:%d: ", l->path, l->line);
    va_list args;
    va_start(args, fmt);
    if (n > 0 && n < CONF_ERROR)
        vsnprintf(l->error + n, (size_t)(CONF_ERROR - n), fmt, args);
    va_end(args);
}

/* inih doesn't tell of sections without a key. */
static void check_section(struct load *l, const char *line)
{
    struct span s = span_trim(span_of(line));
    if (s.n == 0 || s.p[0] != '[')
        return;
    const char *end = memchr(s.p, ']', s.n);
    if (end == NULL)
        return; /* inih refuses it */
    struct span name = {s.p + 1, (size_t)(end - s.p - 1)};
    if (!section_exists(name))
        fail(l, "unknown section [%.*s]", (int)name.n, name.p);
}

/* An ini_reader: counts the lines, which inih doesn't pass on. */
static char *read_line(char *buf, int cap, void *arg)
{
    struct load *l = arg;
    char *line = fgets(buf, cap, l->file);
    if (line == NULL)
        return NULL;
    l->line++;
    size_t n = strlen(line);
    if (n + 1 == (size_t)cap && line[n - 1] != '\n') {
        fail(l, "line of more than %d bytes", LINE_MAX_BYTES - 3);
        return NULL;
    }
    check_section(l, line);
    return line;
}

static int take_value(void *arg, const char *section, const char *key, const char *value)
{
    struct load *l = arg;
    const struct row *row = find_row(span_of(section), span_of(key));
    if (row == NULL) {
        fail(l, "unknown setting %s.%s", section, key);
        return 0;
    }
    if (l->seen[row - ROWS]) {
        fail(l, "%s.%s is set twice", section, key);
        return 0;
    }
    l->seen[row - ROWS] = true;
    if (row_set(row, l->conf, value) != ERR_OK) {
        char expected[DESCRIPTION];
        row->kind->describe(row, expected);
        fail(l, "%s.%s: expected %s", section, key, expected);
        return 0;
    }
    return 1;
}

static void parse_file(struct load *l)
{
    /* Comments stand on lines of their own, so that a password may hold any character. */
    ini_allow_inline_comments = false;
    ini_allow_multiline = false;
    ini_max_line = LINE_MAX_BYTES;
    int rc = ini_parse_stream(read_line, l, take_value, l);
    if (ferror(l->file))
        fail(l, "can't be read: %s", strerror(errno));
    if (rc != 0) {
        l->line = rc > 0 ? rc : l->line;
        fail(l, "expected [section] or key = value");
    }
}

int conf_load(struct conf *c, const char *path, char error[CONF_ERROR])
{
    struct conf fresh = *c; /* a file with an error changes nothing */
    struct load l = {.conf = &fresh, .path = path, .error = error};
    error[0] = '\0';
    l.file = fopen(path, "re");
    if (l.file == NULL) {
        snprintf(error, CONF_ERROR, "%s: %s", path, strerror(errno));
        return ERR_SYSTEM;
    }
    parse_file(&l);
    fclose(l.file);
    if (error[0] != '\0')
        return ERR_INVALID;
    *c = fresh;
    return ERR_OK;
}

int conf_override(struct conf *c, const char *assignment, char error[CONF_ERROR])
{
    struct span rest = span_of(assignment), name, section;
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || !span_cut(&rest, '=', &name) || !span_cut(&name, '.', &section)) {
        snprintf(error, CONF_ERROR, "expected section.key=value");
        return ERR_INVALID;
    }
    struct span key = span_trim(name);
    const struct row *row = find_row(section, key);
    if (row == NULL) {
        snprintf(error, CONF_ERROR, "unknown setting %.*s", (int)(equals - assignment), assignment);
        return ERR_NOT_FOUND;
    }
    int err = row_set(row, c, equals + 1);
    if (err != ERR_OK) {
        char expected[DESCRIPTION];
        row->kind->describe(row, expected);
        snprintf(error, CONF_ERROR, "%s.%s: expected %s", row->section, row->key, expected);
    }
    return err;
}

void conf_print_reference(FILE *out)
{
    const char *section = "";
    fprintf(out, "# Settings of trunkd and sipmod, with their defaults.\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &ROWS[i];
        char expected[DESCRIPTION];
        row->kind->describe(row, expected);
        if (strcmp(section, row->section) != 0)
            fprintf(out, "\n[%s]\n", row->section);
        section = row->section;
        fprintf(out, "# %s\n# Value: %s%s%s%s.\n", row->doc, expected,
                row->unit[0] != '\0' ? " (" : "", row->unit, row->unit[0] != '\0' ? ")" : "");
        fprintf(out, "%s = %s\n", row->key, row->preset);
    }
}
