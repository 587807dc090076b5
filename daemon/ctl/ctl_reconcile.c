/* reconcile: what is counted against what is there. */
#include <stdlib.h>

#include "ctl_rows.h"
#include "ctl_verbs.h"

#define LINES "10000" /* of the ledger, in one reply */

static const struct column summary_columns[] = {
    {"accountno",   ROWS_TEXT,  false, NULL},
    {"admitted",    ROWS_COUNT, false, NULL},
    {"refused",     ROWS_COUNT, false, NULL},
    {"cdrs",        ROWS_COUNT, false, NULL},
    {"live",        ROWS_COUNT, false, NULL},
    {"balance",     ROWS_MONEY, false, NULL},
    {"ledger",      ROWS_MONEY, false, NULL},
    {"differences", ROWS_COUNT, false, NULL},
    {"repaired",    ROWS_COUNT, false, NULL},
    {NULL,          ROWS_TEXT,  false, NULL},
};

static const struct column difference_columns[] = {
    {"what",     ROWS_TEXT, false, NULL},
    {"is",       ROWS_TEXT, false, NULL},
    {"should",   ROWS_TEXT, false, NULL},
    {"repaired", ROWS_TEXT, false, NULL},
    {NULL,       ROWS_TEXT, false, NULL},
};

static const struct column slot_columns[] = {
    {"call",      ROWS_TEXT,  false, NULL       },
    {"direction", ROWS_TEXT,  false, NULL       },
    {"tg",        ROWS_TEXT,  false, NULL       },
    {"number",    ROWS_TEXT,  false, NULL       },
    {"node",      ROWS_TEXT,  false, NULL       },
    {"boot",      ROWS_TEXT,  true,  NULL       },
    {"invite",    ROWS_TIME,  false, "invite_ms"},
    {"answer",    ROWS_TIME,  false, "answer_ms"},
    {"held",      ROWS_MONEY, false, NULL       },
    {"callid",    ROWS_TEXT,  true,  NULL       },
    {NULL,        ROWS_TEXT,  false, NULL       },
};

static const struct refusal refusals[] = {
    {"notfound", "ACCT: no such account"},
    {NULL,       NULL                   },
};

enum { REPAIR_TRIES = 10 };

struct options {
    bool repair, repair_ledger;
};

/* One account under examination. */
struct audit {
    struct ctl *ctl;
    struct key key;
    struct options options;
    int64_t sum;     /* of the ledger's lines */
    int64_t balance; /* of the last of them */
    struct rows *differences;
    int64_t found, repaired;
};

static void add_difference(struct audit *a, const char *what, const char *is, const char *should,
                           bool repaired)
{
    ctl_rows_add(a->differences);
    ctl_rows_set(a->differences, "what", what);
    ctl_rows_set(a->differences, "is", is);
    ctl_rows_set(a->differences, "should", should);
    ctl_rows_set(a->differences, "repaired", repaired ? "yes" : "no");
    a->found++;
    a->repaired += repaired;
}

static void forget_differences(struct audit *a)
{
    ctl_rows_free(a->differences);
    a->differences = ctl_rows_new(difference_columns);
    a->found = a->repaired = 0;
}

/* Whether id `a` of a stream comes after `b`. */
static bool is_after(const char *a, const char *b)
{
    char *rest_a, *rest_b;
    long long ms_a = strtoll(a, &rest_a, 10), ms_b = strtoll(b, &rest_b, 10);
    return ms_a != ms_b ? ms_a > ms_b
                        : strtoll(rest_a + (*rest_a == '-'), NULL, 10) >
                              strtoll(rest_b + (*rest_b == '-'), NULL, 10);
}

/* A line's balance is the one before plus its amount; that of a repair is the sum of all amounts,
 * and what disagreed before it is settled. */
static void add_line(struct audit *a, const struct table *t, size_t row)
{
    int64_t amount = table_int(t, row, "amount", 0), told = table_int(t, row, "balance", 0);
    bool repair = strcmp(table_text(t, row, "activity"), "Balance Repair") == 0;
    a->sum += amount;
    int64_t should = repair ? a->sum : a->balance + amount;
    a->balance = told;
    if (told == should && repair) {
        forget_differences(a);
    } else if (told != should) {
        char *what = ctl_format("ledger %s", table_text(t, row, "id"));
        char *sum = ctl_format("%lld", (long long)should);
        add_difference(a, what, table_text(t, row, "balance"), sum, a->options.repair_ledger);
        free(what);
        free(sum);
    }
}

/* Adds the ledger up to a line, a page at a time. */
static bool sum_ledger(struct audit *a, const char *last)
{
    char *from = ctl_copy(span_of(""));
    bool more = *last != '\0', good = true;
    a->sum = a->balance = 0;
    while (more && good) {
        struct redisReply *reply;
        struct table t;
        good = ctl_read(a->ctl, refusals, &reply, "ledger_list", a->key.text, from, LINES, NULL);
        if (!good)
            break;
        more = table_open(reply, 1, &t) == ERR_OK && t.rows > 0;
        for (size_t row = 0; more && row < t.rows; row++) {
            const char *id = table_text(&t, row, "id");
            more = !is_after(id, last);
            if (!more)
                break;
            add_line(a, &t, row);
            if (row + 1 == t.rows) {
                free(from);
                from = ctl_copy(span_of(id));
            }
        }
        reply_free(reply);
    }
    free(from);
    return good;
}

/* Sets right what call_audit found, and notes it. */
static bool repair(struct audit *a)
{
    struct redisReply *reply;
    struct table t;
    if (!ctl_call(a->ctl, refusals, &reply, "call_repair", a->key.text, "trunkctl", NULL))
        return false;
    if (table_open(reply, 1, &t) == ERR_OK) {
        for (size_t row = 0; row < t.rows; row++)
            add_difference(a, table_text(&t, row, "what"), table_text(&t, row, "is"),
                           table_text(&t, row, "should"), true);
    }
    reply_free(reply);
    return true;
}

static void note_differences(struct audit *a, const struct redisReply *reply, size_t at)
{
    struct table t;
    if (table_open(reply, at, &t) != ERR_OK)
        return;
    for (size_t row = 0; row < t.rows; row++)
        add_difference(a, table_text(&t, row, "what"), table_text(&t, row, "is"),
                       table_text(&t, row, "should"), false);
}

static void add_summary(struct audit *a, const char *account, const struct redisReply *reply,
                        struct rows *rows)
{
    static const char *const names[] = {"admitted", "refused", "cdrs", "live", "balance"};
    ctl_rows_add(rows);
    ctl_rows_set(rows, "accountno", account);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        ctl_rows_set(rows, names[i], reply_text(reply, i + 1));
    ctl_rows_set_int(rows, "ledger", a->sum);
    ctl_rows_set_int(rows, "differences", a->found);
    ctl_rows_set_int(rows, "repaired", a->repaired);
}

enum { BALANCE = 5, LAST = 6, TABLE = 7 }; /* in call_audit's reply */

/* Ledger and balance at the moment of a call_audit. */
static bool audit_ledger(struct audit *a, const struct redisReply *reply)
{
    if (!sum_ledger(a, reply_text(reply, LAST)))
        return false;
    if (a->sum != reply_int(reply, BALANCE, 0)) {
        char *sum = ctl_format("%lld", (long long)a->sum);
        add_difference(a, "balance", reply_text(reply, BALANCE), sum, a->options.repair_ledger);
        free(sum);
    }
    return true;
}

/* *ret_done: the balance is the sum now; else a line has come in between. */
static bool repair_ledger(struct audit *a, const char *last, bool *ret_done)
{
    struct redisReply *reply = NULL;
    char *sum = ctl_format("%lld", (long long)a->sum);
    int err = redis_fcall(a->ctl->redis, &reply, "ledger_repair", a->key.text, last, sum,
                          "trunkctl", NULL);
    free(sum);
    *ret_done = err == ERR_OK;
    bool changed = err == ERR_REFUSED && strcmp(reply_word(reply), "changed") == 0;
    bool good = *ret_done || changed;
    if (!good)
        (void)ctl_explain(a->ctl, err, reply, refusals);
    reply_free(reply);
    return good;
}

/* The ledger before all else. A repair is tried again while lines come in between. */
static bool check_ledger(struct audit *a)
{
    bool good = true, done = false;
    for (int tries = 0; tries < REPAIR_TRIES && good && !done; tries++) {
        struct redisReply *reply;
        forget_differences(a);
        if (!ctl_read(a->ctl, refusals, &reply, "call_audit", a->key.text, NULL))
            return false;
        good = audit_ledger(a, reply);
        done = a->found == 0 || !a->options.repair_ledger;
        if (good && !done)
            good = repair_ledger(a, reply_text(reply, LAST), &done);
        reply_free(reply);
    }
    if (good && !done)
        (void)ctl_fail("the ledger doesn't stand still; try again");
    return good && done;
}

/* Adds a row of what the account's books tell; differences go to a->differences. */
static bool audit(struct audit *a, const char *account, struct rows *rows)
{
    struct redisReply *reply;
    a->key = key_account(account);
    if (!check_ledger(a) || (a->options.repair && !repair(a)) ||
        !ctl_read(a->ctl, refusals, &reply, "call_audit", a->key.text, NULL))
        return false;
    note_differences(a, reply, TABLE);
    add_summary(a, account, reply, rows);
    reply_free(reply);
    return true;
}

static struct rows *slots_of(struct ctl *c, const char *account)
{
    struct redisReply *reply;
    if (!ctl_read(c, refusals, &reply, "call_list", key_account(account).text, NULL))
        return NULL;
    struct rows *rows = ctl_rows_new(slot_columns);
    ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    return rows;
}

static int one(struct ctl *c, const char *account, struct options options)
{
    struct audit a = {
        .ctl = c, .options = options, .differences = ctl_rows_new(difference_columns)};
    struct rows *rows = ctl_rows_new(summary_columns);
    struct rows *slots = audit(&a, account, rows) ? slots_of(c, account) : NULL;
    if (!slots) {
        ctl_rows_free(rows);
        ctl_rows_free(a.differences);
        return CTL_FAILED;
    }
    ctl_rows_attach(rows, "slots", slots);
    ctl_rows_attach(rows, "details", a.differences);
    int code = ctl_rows_print(rows, ROWS_ONE, c->json);
    return a.found > a.repaired ? ctl_fail("the books differ") : code;
}

static int all(struct ctl *c, struct options options)
{
    struct names accounts = {0};
    struct rows *rows = ctl_rows_new(summary_columns);
    bool good = ctl_index(c, KEY_ACCOUNTS, &accounts);
    int64_t left = 0;
    for (size_t i = 0; good && i < accounts.n; i++) {
        struct audit a = {
            .ctl = c, .options = options, .differences = ctl_rows_new(difference_columns)};
        good = audit(&a, accounts.v[i], rows);
        left += a.found - a.repaired;
        ctl_rows_free(a.differences);
    }
    ctl_names_free(&accounts);
    if (!good) {
        ctl_rows_free(rows);
        return CTL_FAILED;
    }
    int code = ctl_rows_print(rows, ROWS_LIST, c->json);
    return left > 0 ? ctl_fail("the books differ; reconcile ACCT tells where") : code;
}

int ctl_reconcile(struct ctl *c, const struct args *a)
{
    struct options options = {.repair = ctl_args_given(a, "--repair"),
                              .repair_ledger = ctl_args_given(a, "--repair-ledger")};
    return ctl_args_given(a, "ACCT") ? one(c, ctl_args_text(a, "ACCT"), options) : all(c, options);
}
