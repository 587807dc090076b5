#include "archive_csv.h"

#include <inttypes.h>

#include "clock.h"
#include "money.h"

enum form {
    FORM_ACCOUNT,
    FORM_TEXT,
    FORM_TIME,    /* ms: "YYYY-MM-DD HH:MM:SS.mmm", empty: did not happen */
    FORM_SECONDS, /* ms: seconds with three decimals */
    FORM_MONEY,
};

static const struct {
    const char *name, *field;
    enum form form;
} columns[] = {
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
};
enum { COLUMNS = sizeof(columns) / sizeof(*columns) };

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

static void put_cell(FILE *out, size_t i, const char *account, const struct table *t, size_t row)
{
    char money[MONEY_TEXT];
    const char *field = columns[i].field;
    int64_t value = table_int(t, row, field, 0);
    switch (columns[i].form) {
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

void archive_csv_header(FILE *out)
{
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(out, "%s%s", i ? "," : "", columns[i].name);
    fputs("\r\n", out);
}

void archive_csv_row(FILE *out, const char *account, const struct table *t, size_t row)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        if (i)
            putc(',', out);
        put_cell(out, i, account, t, row);
    }
    fputs("\r\n", out);
}
