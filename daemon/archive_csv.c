#include "archive_csv.h"

#include <inttypes.h>

#include "clock.h"
#include "money.h"

enum { DAY = 10, MONTH = 7 }; /* characters of a date */

enum form {
    FORM_ACCOUNT,
    FORM_TEXT,
    FORM_TIME,    /* ms: "YYYY-MM-DD HH:MM:SS.mmm", empty: did not happen */
    FORM_SECONDS, /* ms: seconds with three decimals */
    FORM_MONEY,
};

struct archive_column {
    const char *name, *field;
    enum form form;
};

static const struct archive_column cdr_columns[] = {
    {"id",                 "call",      FORM_TEXT   },
    {"account",            "",          FORM_ACCOUNT},
    {"direction",          "direction", FORM_TEXT   },
    {"trunk",              "tg",        FORM_TEXT   },
    {"number",             "number",    FORM_TEXT   },
    {"from",               "from",      FORM_TEXT   },
    {"to",                 "to",        FORM_TEXT   },
    {"upstream",           "upstream",  FORM_TEXT   },
    {"source",             "source",    FORM_TEXT   },
    {"target",             "target",    FORM_TEXT   },
    {"sip_call_id",        "callid",    FORM_TEXT   },
    {"invite",             "invite_ms", FORM_TIME   },
    {"ringing",            "ring_ms",   FORM_TIME   },
    {"answer",             "answer_ms", FORM_TIME   },
    {"end",                "end_ms",    FORM_TIME   },
    {"seconds",            "ms",        FORM_SECONDS},
    {"billed_seconds",     "billed",    FORM_TEXT   },
    {"rate",               "rate",      FORM_MONEY  },
    {"amount",             "amount",    FORM_MONEY  },
    {"code",               "code",      FORM_TEXT   },
    {"reason",             "reason",    FORM_TEXT   },
    {"hung_up_by",         "by",        FORM_TEXT   },
    {"attempts",           "attempts",  FORM_TEXT   },
    {"post_dial_delay_ms", "pdd_ms",    FORM_TEXT   },
    {"node",               "node",      FORM_TEXT   },
    {"estimated",          "estimated", FORM_TEXT   },
    {"sequence",           "id",        FORM_TEXT   },
    {NULL,                 NULL,        FORM_TEXT   },
};

static const struct archive_column audit_columns[] = {
    {"time",     "time",    FORM_TIME   },
    {"account",  "",        FORM_ACCOUNT},
    {"by",       "by",      FORM_TEXT   },
    {"via",      "via",     FORM_TEXT   },
    {"from",     "from",    FORM_TEXT   },
    {"request",  "request", FORM_TEXT   },
    {"what",     "what",    FORM_TEXT   },
    {"params",   "params",  FORM_TEXT   },
    {"outcome",  "outcome", FORM_TEXT   },
    {"error",    "error",   FORM_TEXT   },
    {"write",    "write",   FORM_TEXT   },
    {"sequence", "id",      FORM_TEXT   },
    {NULL,       NULL,      FORM_TEXT   },
};

static void name_cdr(const struct table *t, size_t row, char ret[ARCHIVE_NAME])
{
    char day[CLOCK_TEXT];
    clock_text(table_int(t, row, "end_ms", 0), day);
    bool out = strcmp(table_text(t, row, "direction"), "out") == 0;
    snprintf(ret, ARCHIVE_NAME, "%.*s-%s-%s.csv", DAY, day, out ? "out" : "in",
             table_int(t, row, "answer_ms", 0) > 0 ? "success" : "failed");
}

static void name_audit(const struct table *t, size_t row, char ret[ARCHIVE_NAME])
{
    char month[CLOCK_TEXT];
    snprintf(ret, ARCHIVE_NAME, "%.*s.csv", MONTH, clock_text(table_int(t, row, "time", 0), month));
}

const struct archive_kind archive_cdrs = {"cdr", cdr_columns, name_cdr};
const struct archive_kind archive_audit = {"audit", audit_columns, name_audit};

/* What a spreadsheet would take for a formula gets an apostrophe before it. */
static void put_text(FILE *out, const char *text)
{
    bool formula = *text && strchr("=+-@\t\r", *text);
    if (!text[strcspn(text, ",\"\r\n")]) {
        fprintf(out, "%s%s", formula ? "'" : "", text);
        return;
    }
    fputs(formula ? "\"'" : "\"", out);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void put_time(FILE *out, int64_t ms)
{
    char text[CLOCK_TEXT];
    if (ms > 0)
        fprintf(out, "%s.%03d", clock_text(ms, text), (int)(ms % 1000));
}

static void put_cell(FILE *out, const struct archive_column *c, const char *account,
                     const struct table *t, size_t row)
{
    char money[MONEY_TEXT];
    const char *field = c->field;
    int64_t value = table_int(t, row, field, 0);
    switch (c->form) {
    case FORM_ACCOUNT:
        put_text(out, account);
        break;
    case FORM_TEXT:
        put_text(out, table_text(t, row, field));
        break;
    case FORM_TIME:
        put_time(out, value);
        break;
    case FORM_SECONDS:
        fprintf(out, "%" PRId64 ".%03d", value / 1000, (int)(value % 1000));
        break;
    case FORM_MONEY:
        fputs(money_rate_text(value, money), out);
        break;
    }
}

void archive_csv_header(FILE *out, const struct archive_kind *kind)
{
    for (const struct archive_column *c = kind->columns; c->name; c++)
        fprintf(out, "%s%s", c > kind->columns ? "," : "", c->name);
    fputs("\r\n", out);
}

void archive_csv_row(FILE *out, const struct archive_kind *kind, const char *account,
                     const struct table *t, size_t row)
{
    for (const struct archive_column *c = kind->columns; c->name; c++) {
        if (c > kind->columns)
            putc(',', out);
        put_cell(out, c, account, t, row);
    }
    fputs("\r\n", out);
}
