/* tap compare, tap clear: what sipmod --tap recorded against what the platform did, or the system
 * that it is to replace. */
#include <stdlib.h>

#include "clock.h"
#include "ctl_csv.h"
#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "money.h"
#include "num.h"

enum kind { KIND_TEXT, KIND_TIME, KIND_COUNT, KIND_MONEY };

/* What is compared, by its name in a CDR. Those of a CSV come first, in its order. */
static const struct {
    const char *name;
    enum kind kind;
} FIELDS[] = {
    {"callid",    KIND_TEXT },
    {"direction", KIND_TEXT },
    {"number",    KIND_TEXT },
    {"invite_ms", KIND_TIME },
    {"ms",        KIND_TIME },
    {"billed",    KIND_COUNT},
    {"code",      KIND_COUNT},
    {"amount",    KIND_MONEY},
    {"tg",        KIND_TEXT },
    {"from",      KIND_TEXT },
    {"to",        KIND_TEXT },
    {"upstream",  KIND_TEXT },
    {"source",    KIND_TEXT },
    {"target",    KIND_TEXT },
    {"ring_ms",   KIND_TIME },
    {"answer_ms", KIND_TIME },
    {"end_ms",    KIND_TIME },
    {"rate",      KIND_MONEY},
    {"reason",    KIND_TEXT },
    {"by",        KIND_TEXT },
    {"attempts",  KIND_TEXT },
    {"pdd_ms",    KIND_TIME },
    {"estimated", KIND_COUNT},
};
enum { CALLID, DIRECTION, NUMBER, INVITE, N_FIELDS = sizeof FIELDS / sizeof *FIELDS };

static const char *const csv_header[] = {"callid", "direction", "number", "invite", "ms",
                                         "billed", "code",      "amount", NULL};

static const struct column summary_columns[] = {
    {"accountno", ROWS_TEXT,  false, NULL},
    {"compared",  ROWS_COUNT, false, NULL},
    {"equal",     ROWS_COUNT, false, NULL},
    {"missing",   ROWS_COUNT, false, NULL},
    {"extra",     ROWS_COUNT, false, NULL},
    {"differing", ROWS_COUNT, false, NULL},
    {NULL,        ROWS_TEXT,  false, NULL},
};

static const struct column difference_columns[] = {
    {"callid",     ROWS_TEXT,  false, NULL       },
    {"direction",  ROWS_TEXT,  true,  NULL       },
    {"number",     ROWS_TEXT,  false, NULL       },
    {"invite",     ROWS_TIME,  false, "invite_ms"},
    {"what",       ROWS_TEXT,  false, NULL       },
    {"field",      ROWS_TEXT,  false, NULL       },
    {"recorded",   ROWS_TEXT,  false, NULL       },
    {"tapped",     ROWS_TEXT,  false, NULL       },
    {"difference", ROWS_COUNT, false, NULL       },
    {NULL,         ROWS_TEXT,  false, NULL       },
};

static const struct refusal refusals[] = {
    {"notfound", "ACCT: no such account"},
    {NULL,       NULL                   },
};

/* One call; NULL where nothing is said. */
struct record {
    char *fields[N_FIELDS];
    int64_t invite_ms;
};

struct records {
    struct record *v;
    size_t n;
    int64_t first_ms, last_ms; /* INVITEs */
};

struct comparison {
    int64_t tolerance_ms, from_ms;
    int64_t compared, equal, missing, extra, differing;
    struct rows *rows;
};

/* ---- Reading ---- */

static struct record *add(struct records *r)
{
    if ((r->n & (r->n - 1)) == 0)
        r->v = ctl_grow(r->v, (r->n ? 2 * r->n : 1) * sizeof *r->v);
    r->v[r->n] = (struct record){0};
    return &r->v[r->n++];
}

static int64_t number_of(const char *text)
{
    int64_t n;
    return text && num_parse_signed(span_of(text), INT64_MIN, INT64_MAX, &n) == ERR_OK ? n : 0;
}

static void note_time(struct records *r, struct record *record)
{
    record->invite_ms = number_of(record->fields[INVITE]);
    if (r->n == 1 || record->invite_ms < r->first_ms)
        r->first_ms = record->invite_ms;
    if (record->invite_ms > r->last_ms)
        r->last_ms = record->invite_ms;
}

static void release(struct records *r)
{
    for (size_t i = 0; i < r->n; i++) {
        for (size_t f = 0; f < N_FIELDS; f++)
            free(r->v[i].fields[f]);
    }
    free(r->v);
}

static bool read_server(struct ctl *c, const char *account, const char *function, const char *last,
                        struct records *ret)
{
    struct redisReply *reply;
    struct table t;
    if (!ctl_read(c, refusals, &reply, function, key_account(account).text, last, NULL))
        return false;
    for (size_t row = 0; table_open(reply, 1, &t) == ERR_OK && row < t.rows; row++) {
        struct record *record = add(ret);
        for (size_t f = 0; f < N_FIELDS; f++)
            record->fields[f] = ctl_copy(span_of(table_text(&t, row, FIELDS[f].name)));
        note_time(ret, record);
    }
    reply_free(reply);
    return true;
}

/* A value of a CSV as a CDR has it; NULL: it can't be read. */
static char *read_value(size_t field, struct span s)
{
    int64_t n;
    if (field == INVITE && num_parse(s, 0, INT64_MAX, &n) != ERR_OK)
        return clock_parse(s, &n) == ERR_OK ? ctl_format("%lld", (long long)n) : NULL;
    if (FIELDS[field].kind == KIND_MONEY)
        return money_parse(s, &n) == ERR_OK ? ctl_format("%lld", (long long)n) : NULL;
    if (FIELDS[field].kind != KIND_TEXT && num_parse(s, 0, INT64_MAX, &n) != ERR_OK)
        return NULL;
    return ctl_copy(s);
}

/* The column that can't be read; NULL: the row was taken. */
static const char *take_row(struct records *r, const struct span fields[CSV_FIELDS])
{
    struct record *record = add(r);
    const char *bad = fields[CALLID].n && fields[INVITE].n ? NULL : "callid and invite are needed";
    for (size_t f = 0; csv_header[f]; f++) {
        struct span s = f == DIRECTION && !fields[f].n ? SPAN_LIT("in") : fields[f];
        record->fields[f] = s.n ? read_value(f, s) : NULL;
        if (s.n && !record->fields[f])
            bad = csv_header[f];
    }
    note_time(r, record);
    return bad;
}

static bool read_csv(const char *path, struct records *ret)
{
    struct span fields[CSV_FIELDS];
    enum csv_result result = CSV_ROW;
    const char *bad = NULL;
    struct csv *csv = ctl_csv_open(path, csv_header);
    if (!csv)
        return false;
    while (result == CSV_ROW && !bad) {
        result = ctl_csv_next(csv, fields);
        if (result == CSV_ROW)
            bad = take_row(ret, fields);
        else if (result != CSV_END)
            bad = result == CSV_BAD ? ctl_csv_reason(csv) : "reading failed";
    }
    if (bad)
        (void)ctl_fail("%s:%lu: %s", path, ctl_csv_line(csv), bad);
    ctl_csv_close(csv);
    return !bad;
}

/* ---- Comparing ---- */

/* Calls of one Call-ID and direction are told apart by their order. */
static int order_of(const struct record *a, const struct record *b)
{
    int order = strcmp(a->fields[CALLID], b->fields[CALLID]);
    return order ? order : strcmp(a->fields[DIRECTION], b->fields[DIRECTION]);
}

static int compare(const void *a, const void *b)
{
    const struct record *left = a, *right = b;
    int order = order_of(left, right);
    return order ? order
                 : (left->invite_ms > right->invite_ms) - (left->invite_ms < right->invite_ms);
}

static void add_difference(struct comparison *c, const struct record *r, const char *what)
{
    ctl_rows_add(c->rows);
    for (size_t f = CALLID; f <= INVITE; f++) {
        if (r->fields[f])
            ctl_rows_set(c->rows, FIELDS[f].name, r->fields[f]);
    }
    ctl_rows_set(c->rows, "what", what);
}

/* Money in dollars, all else as it is. */
static void set_value(struct comparison *c, const char *column, size_t field, const char *text)
{
    char money[MONEY_TEXT];
    ctl_rows_set(c->rows, column,
                 FIELDS[field].kind == KIND_MONEY ? money_rate_text(number_of(text), money) : text);
}

static bool differs(const struct comparison *c, size_t field, const char *a, const char *b)
{
    int64_t left = number_of(a), right = number_of(b);
    switch (FIELDS[field].kind) {
    case KIND_TEXT:
        return strcmp(a, b) != 0;
    case KIND_TIME:
        return llabs(left - right) > c->tolerance_ms;
    default:
        return left != right;
    }
}

static void compare_pair(struct comparison *c, const struct record *recorded,
                         const struct record *tapped)
{
    bool equal = true;
    c->compared++;
    for (size_t f = 0; f < N_FIELDS; f++) {
        const char *a = recorded->fields[f], *b = tapped->fields[f];
        if (!a || !differs(c, f, a, b))
            continue;
        equal = false;
        add_difference(c, recorded, "differs");
        ctl_rows_set(c->rows, "field", FIELDS[f].name);
        set_value(c, "recorded", f, a);
        set_value(c, "tapped", f, b);
        if (FIELDS[f].kind != KIND_TEXT)
            ctl_rows_set_int(c->rows, "difference", number_of(b) - number_of(a));
    }
    c->equal += equal;
    c->differing += !equal;
}

/* `extra_from` and `extra_to`: what was recorded before or after isn't known. */
static void compare_all(struct comparison *c, const struct records *recorded,
                        const struct records *tapped, int64_t extra_from, int64_t extra_to)
{
    size_t i = 0, j = 0;
    while (i < recorded->n || j < tapped->n) {
        const struct record *a = i < recorded->n ? &recorded->v[i] : NULL;
        const struct record *b = j < tapped->n ? &tapped->v[j] : NULL;
        int order = !a ? 1 : !b ? -1 : order_of(a, b);
        i += order <= 0;
        j += order >= 0;
        if (order == 0) {
            compare_pair(c, a, b);
        } else if (order < 0 && a->invite_ms >= c->from_ms) {
            c->missing++;
            add_difference(c, a, "missing");
        } else if (order > 0 && b->invite_ms >= extra_from && b->invite_ms <= extra_to) {
            c->extra++;
            add_difference(c, b, "extra");
        }
    }
}

/* A list that is full begins somewhere amid: what the other has before is no difference. */
static int64_t begin_of(const struct records *r, size_t most)
{
    return r->n >= most ? r->first_ms : 0;
}

static int print(struct ctl *ctl, const char *account, struct comparison *c)
{
    struct rows *rows = ctl_rows_new(summary_columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "accountno", account);
    ctl_rows_set_int(rows, "compared", c->compared);
    ctl_rows_set_int(rows, "equal", c->equal);
    ctl_rows_set_int(rows, "missing", c->missing);
    ctl_rows_set_int(rows, "extra", c->extra);
    ctl_rows_set_int(rows, "differing", c->differing);
    ctl_rows_attach(rows, "differences", c->rows);
    int code = ctl_rows_print(rows, ROWS_ONE, ctl->json);
    return c->missing + c->extra + c->differing ? ctl_fail("the records differ") : code;
}

int ctl_tap_compare(struct ctl *ctl, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT"), *last = ctl_args_text(a, "--last");
    struct records recorded = {0}, tapped = {0};
    struct comparison c = {.tolerance_ms = number_of(ctl_args_text(a, "--tolerance")),
                           .rows = ctl_rows_new(difference_columns)};
    bool csv = ctl_args_given(a, "--csv");
    size_t most = (size_t)number_of(last);
    bool good = ctl_read(ctl, refusals, NULL, "account_get", key_account(account).text, NULL) &&
                read_server(ctl, account, "tap_list", last, &tapped) &&
                (csv ? read_csv(ctl_args_text(a, "--csv"), &recorded)
                     : read_server(ctl, account, "cdr_list", last, &recorded));
    int code = CTL_FAILED;
    if (good) {
        int64_t extra_from = csv ? recorded.first_ms - c.tolerance_ms : begin_of(&recorded, most);
        int64_t extra_to = csv ? recorded.last_ms + c.tolerance_ms : INT64_MAX;
        c.from_ms = begin_of(&tapped, most);
        if (recorded.n)
            qsort(recorded.v, recorded.n, sizeof *recorded.v, compare);
        if (tapped.n)
            qsort(tapped.v, tapped.n, sizeof *tapped.v, compare);
        compare_all(&c, &recorded, &tapped, extra_from, extra_to);
        code = print(ctl, account, &c);
    } else {
        ctl_rows_free(c.rows);
    }
    release(&recorded);
    release(&tapped);
    return code;
}

int ctl_tap_clear(struct ctl *c, const struct args *a)
{
    static const struct column columns[] = {
        {"accountno", ROWS_TEXT,  false, NULL},
        {"cleared",   ROWS_COUNT, false, NULL},
        {NULL,        ROWS_TEXT,  false, NULL},
    };
    struct redisReply *reply;
    const char *account = ctl_args_text(a, "ACCT");
    if (!ctl_read(c, refusals, NULL, "account_get", key_account(account).text, NULL) ||
        !ctl_call(c, refusals, &reply, "tap_clear", key_account(account).text, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "accountno", account);
    ctl_rows_set(rows, "cleared", reply_text(reply, 1));
    reply_free(reply);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}
