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

/* One account under examination. */
struct audit {
    struct ctl *ctl;
    struct key key;
    bool repair;
    int64_t ledger; /* sum of its lines */
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

/* Whether id `a` of a stream comes after `b`. */
static bool is_after(const char *a, const char *b)
{
    char *rest_a, *rest_b;
    long long ms_a = strtoll(a, &rest_a, 10), ms_b = strtoll(b, &rest_b, 10);
    return ms_a != ms_b ? ms_a > ms_b
                        : strtoll(rest_a + (*rest_a == '-'), NULL, 10) >
                              strtoll(rest_b + (*rest_b == '-'), NULL, 10);
}

/* Sums the ledger up to a line, a page at a time; each line must tell the sum so far. */
static bool sum_ledger(struct audit *a, const char *last)
{
    char *from = ctl_copy(span_of(""));
    bool more = *last != '\0', good = true;
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
            a->ledger += table_int(&t, row, "amount", 0);
            if (a->ledger != table_int(&t, row, "balance", 0)) {
                char *what = ctl_format("ledger %s", id);
                char *sum = ctl_format("%lld", (long long)a->ledger);
                add_difference(a, what, table_text(&t, row, "balance"), sum, false);
                free(what);
                free(sum);
                a->ledger = table_int(&t, row, "balance", 0);
            }
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
    ctl_rows_set_int(rows, "ledger", a->ledger);
    ctl_rows_set_int(rows, "differences", a->found);
    ctl_rows_set_int(rows, "repaired", a->repaired);
}

/* Adds a row of what the account's books tell; differences go to a->differences. */
static bool audit(struct audit *a, const char *account, struct rows *rows)
{
    enum { BALANCE = 5, LAST = 6, TABLE = 7 };
    struct redisReply *reply;
    a->key = key_account(account);
    if (a->repair && !repair(a))
        return false;
    if (!ctl_read(a->ctl, refusals, &reply, "call_audit", a->key.text, NULL))
        return false;
    note_differences(a, reply, TABLE);
    bool good = sum_ledger(a, reply_text(reply, LAST));
    if (good && a->ledger != reply_int(reply, BALANCE, 0)) {
        char *sum = ctl_format("%lld", (long long)a->ledger);
        add_difference(a, "balance", reply_text(reply, BALANCE), sum, false);
        free(sum);
    }
    add_summary(a, account, reply, rows);
    reply_free(reply);
    return good;
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

static int one(struct ctl *c, const char *account, bool repair_too)
{
    struct audit a = {
        .ctl = c, .repair = repair_too, .differences = ctl_rows_new(difference_columns)};
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

static int all(struct ctl *c, bool repair_too)
{
    struct names accounts = {0};
    struct rows *rows = ctl_rows_new(summary_columns);
    bool good = ctl_index(c, KEY_ACCOUNTS, &accounts);
    int64_t left = 0;
    for (size_t i = 0; good && i < accounts.n; i++) {
        struct audit a = {
            .ctl = c, .repair = repair_too, .differences = ctl_rows_new(difference_columns)};
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
    bool repair_too = ctl_args_given(a, "--repair");
    return ctl_args_given(a, "ACCT") ? one(c, ctl_args_text(a, "ACCT"), repair_too)
                                     : all(c, repair_too);
}
