/* webhook add, list, set, rotate, remove, test, dead, replay. A secret is shown once, when it is
 * made. */
#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "num.h"
#include "secret.h"
#include "webhook_http.h"

#include <inttypes.h>
#include <stdlib.h>

#define FIRST_WEBHOOK "1"

enum { SECRET_BYTES = 32, SECRET_TEXT = 2 * SECRET_BYTES + 1, TRIES = 1000, HOUR_MS = 3600000 };

static const struct column columns[] = {
    {"accountno",    ROWS_TEXT,  false, NULL },
    {"webhook",      ROWS_TEXT,  false, "id" },
    {"url",          ROWS_TEXT,  false, NULL },
    {"events",       ROWS_TEXT,  false, NULL },
    {"status",       ROWS_COUNT, false, NULL },
    {"waiting",      ROWS_COUNT, false, NULL },
    {"dead",         ROWS_COUNT, false, NULL },
    {"delivered",    ROWS_COUNT, false, NULL },
    {"delivered_at", ROWS_TIME,  true,  NULL },
    {"tries",        ROWS_COUNT, false, NULL },
    {"next_try",     ROWS_TIME,  true,  "due"},
    {"failure",      ROWS_TEXT,  false, NULL },
    {"failed_at",    ROWS_TIME,  true,  NULL },
    {"created",      ROWS_TIME,  true,  NULL },
    {"secret",       ROWS_TEXT,  true,  NULL },
    {NULL,           ROWS_TEXT,  false, NULL },
};

static const struct refusal refusals[] = {
    {"notfound", "ACCT or ID: no such account or webhook"           },
    {"limit",    "ACCT: has as many webhooks as webhook.most allows"},
    {"exists",   "URL: there is a webhook with it already"          },
    {NULL,       NULL                                               },
};

static struct key account_of(const struct args *a)
{
    return key_account(ctl_args_text(a, "ACCT"));
}

/* "all", or kinds by comma. False after a message. */
static bool check_events(const char *events)
{
    static const char *const kinds[] = {"order", "port", "balance", "payment", "invoice"};
    struct span rest = span_of(events), part;
    bool good = *events && events[strlen(events) - 1] != ',';
    while (strcmp(events, "all") != 0 && good && span_cut(&rest, ',', &part)) {
        size_t i = 0;
        while (i < sizeof(kinds) / sizeof(*kinds) && !span_eq(part, span_of(kinds[i])))
            i++;
        good = i < sizeof(kinds) / sizeof(*kinds);
    }
    if (!good)
        ctl_usage("Invalid --events: expected all, or order, port, balance, payment, invoice by "
                  "comma, without spaces");
    return good;
}

static bool check_url(const struct ctl *c, const char *name, const char *url)
{
    const char *reason = webhook_url_check(url, &c->conf.webhook);
    if (reason)
        ctl_usage("Invalid %s: %s", name, reason);
    return !reason;
}

/* ---- Showing ---- */

static void add_hooks(void *arg, const char *account, const struct redisReply *reply)
{
    struct rows *rows = arg;
    struct table t;
    if (table_open(reply, 1, &t) < 0)
        return;
    for (size_t row = 0; row < t.rows; row++) {
        ctl_rows_add(rows);
        ctl_rows_set(rows, "accountno", account);
        ctl_rows_set_table(rows, &t, row);
    }
}

/* The account's webhooks; with an id that one alone, and its secret if it was just made. */
static int show(struct ctl *c, const char *account, const char *id, const char *secret)
{
    struct redisReply *reply;
    struct table t;
    if (!ctl_read(c, refusals, &reply, "hook_list", key_account(account).text, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(columns);
    bool found = false;
    if (table_open(reply, 1, &t) == ERR_OK) {
        for (size_t row = 0; row < t.rows && !found; row++) {
            found = strcmp(table_text(&t, row, "id"), id) == 0;
            if (!found)
                continue;
            ctl_rows_add(rows);
            ctl_rows_set(rows, "accountno", account);
            ctl_rows_set_table(rows, &t, row);
            ctl_rows_set(rows, "secret", secret);
        }
    }
    reply_free(reply);
    if (found)
        return ctl_rows_print(rows, ROWS_ONE, c->json);
    ctl_rows_free(rows);
    return ctl_fail("ID: the account has no such webhook");
}

int ctl_webhook_list(struct ctl *c, const struct args *a)
{
    struct names accounts = {0};
    if (ctl_args_given(a, "ACCT"))
        ctl_names_add(&accounts, ctl_args_text(a, "ACCT"));
    else if (!ctl_index(c, KEY_HOOKS, &accounts))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(columns);
    bool good = ctl_each(c, &accounts, key_account, "hook_list", NULL, add_hooks, rows);
    ctl_names_free(&accounts);
    if (good)
        return ctl_rows_print(rows, ROWS_LIST, c->json);
    ctl_rows_free(rows);
    return CTL_FAILED;
}

/* ---- Changing ---- */

/* The index has the account before it has a webhook: none is ever passed over. */
int ctl_webhook_add(struct ctl *c, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT"), *url = ctl_args_text(a, "URL");
    char secret[SECRET_TEXT], id[32], most[24];
    struct redisReply *reply;
    if (!check_url(c, "URL", url) || !check_events(ctl_args_text(a, "--events")))
        return CTL_USAGE;
    if (secret_random_hex(SECRET_BYTES, secret) < 0)
        return ctl_fail("no random numbers");
    snprintf(most, sizeof(most), "%" PRId64, c->conf.webhook.most);
    if (!ctl_read(c, refusals, NULL, "hook_list", key_account(account).text, NULL) ||
        !ctl_call(c, NULL, &reply, "seq_next", key_sequence("hook").text, FIRST_WEBHOOK, NULL))
        return CTL_FAILED;
    bool good = span_copy(reply_span(reply, 1), id, sizeof(id));
    reply_free(reply);
    if (!good || !ctl_call(c, NULL, NULL, "index_add", KEY_HOOKS, account, NULL) ||
        !ctl_call(c, refusals, NULL, "hook_add", key_account(account).text, id, url,
                  ctl_args_text(a, "--events"), secret, most, NULL))
        return CTL_FAILED;
    return show(c, account, id, secret);
}

static void add_field(void *arg, const char *field, const char *value)
{
    cmd_text(arg, field);
    cmd_text(arg, value);
}

int ctl_webhook_set(struct ctl *c, const struct args *a)
{
    struct cmd cmd = {0};
    const char *id = ctl_args_text(a, "ID");
    bool url = ctl_args_given(a, "--url"), events = ctl_args_given(a, "--events");
    if (!url && !events && !ctl_args_given(a, "--status"))
        return ctl_usage("nothing to set: trunkctl help webhook set");
    if ((url && !check_url(c, "--url", ctl_args_text(a, "--url"))) ||
        (events && !check_events(ctl_args_text(a, "--events"))))
        return CTL_USAGE;
    cmd_fcall(&cmd, "hook_set", account_of(a).text);
    cmd_text(&cmd, id);
    ctl_args_fields(a, add_field, &cmd);
    if (!ctl_send(c, &cmd, refusals, NULL))
        return CTL_FAILED;
    return show(c, ctl_args_text(a, "ACCT"), id, "");
}

int ctl_webhook_rotate(struct ctl *c, const struct args *a)
{
    const char *id = ctl_args_text(a, "ID");
    char secret[SECRET_TEXT], overlap[24];
    int64_t hours = 0;
    if (num_parse(span_of(ctl_args_text(a, "--overlap")), 0, INT64_MAX / HOUR_MS, &hours) < 0 ||
        secret_random_hex(SECRET_BYTES, secret) < 0)
        return ctl_fail("no random numbers");
    snprintf(overlap, sizeof(overlap), "%" PRId64, hours * HOUR_MS);
    if (!ctl_call(c, refusals, NULL, "hook_rotate", account_of(a).text, id, secret, overlap, NULL))
        return CTL_FAILED;
    return show(c, ctl_args_text(a, "ACCT"), id, secret);
}

static int print_count(struct ctl *c, const char *name, int64_t count)
{
    const struct column one[] = {
        {name, ROWS_COUNT, false, NULL},
        {NULL, ROWS_TEXT,  false, NULL},
    };
    struct rows *rows = ctl_rows_new(one);
    ctl_rows_add(rows);
    ctl_rows_set_int(rows, name, count);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

/* An account without webhooks leaves the index; one that got another meanwhile comes back. */
static bool leave_index(struct ctl *c, const char *account)
{
    struct redisReply *reply;
    struct table t;
    if (!ctl_call(c, NULL, NULL, "index_remove", KEY_HOOKS, account, NULL) ||
        !ctl_read(c, refusals, &reply, "hook_list", key_account(account).text, NULL))
        return false;
    bool any = table_open(reply, 1, &t) == ERR_OK && t.rows > 0;
    reply_free(reply);
    return !any || ctl_call(c, NULL, NULL, "index_add", KEY_HOOKS, account, NULL);
}

int ctl_webhook_remove(struct ctl *c, const struct args *a)
{
    struct redisReply *reply;
    if (!ctl_call(c, refusals, &reply, "hook_remove", account_of(a).text, ctl_args_text(a, "ID"),
                  NULL))
        return CTL_FAILED;
    int64_t left = reply_int(reply, 1, 0);
    reply_free(reply);
    if (left == 0 && !leave_index(c, ctl_args_text(a, "ACCT")))
        return CTL_FAILED;
    return print_count(c, "webhooks_left", left);
}

int ctl_webhook_test(struct ctl *c, const struct args *a)
{
    const char *id = ctl_args_text(a, "ID");
    if (!ctl_call(c, refusals, NULL, "hook_test", account_of(a).text, id, NULL))
        return CTL_FAILED;
    return show(c, ctl_args_text(a, "ACCT"), id, "");
}

/* ---- Dead events ---- */

int ctl_webhook_dead(struct ctl *c, const struct args *a)
{
    static const struct column dead_columns[] = {
        {"event",  ROWS_TEXT,  false, NULL},
        {"type",   ROWS_TEXT,  false, NULL},
        {"at",     ROWS_TIME,  false, NULL},
        {"tries",  ROWS_COUNT, false, NULL},
        {"reason", ROWS_TEXT,  false, NULL},
        {"data",   ROWS_TEXT,  false, NULL},
        {NULL,     ROWS_TEXT,  false, NULL},
    };
    struct redisReply *reply;
    if (!ctl_read(c, refusals, &reply, "hook_dead", account_of(a).text, ctl_args_text(a, "ID"),
                  NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(dead_columns);
    ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    return ctl_rows_print(rows, ROWS_LIST, c->json);
}

int ctl_webhook_replay(struct ctl *c, const struct args *a)
{
    struct redisReply *reply;
    const char *event = ctl_args_given(a, "EVENT") ? ctl_args_text(a, "EVENT") : NULL;
    if (!ctl_call(c, refusals, &reply, "hook_replay", account_of(a).text, ctl_args_text(a, "ID"),
                  event, NULL))
        return CTL_FAILED;
    int64_t replayed = reply_int(reply, 1, 0);
    reply_free(reply);
    if (replayed == 0)
        return ctl_fail("EVENT: there is no such dead event");
    return print_count(c, "replayed", replayed);
}
