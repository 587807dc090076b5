/* lnp coverage import, list, remove: which numbers can be ported in. */
#include "ctl_bad.h"
#include "ctl_csv.h"
#include "ctl_rows.h"
#include "ctl_state.h"
#include "ctl_type.h"
#include "ctl_verbs.h"

#include <ctype.h>
#include <stdlib.h>

enum { CODE, STATE, RATECENTER, BATCH_ROWS = 1000, CODE_DIGITS = 3, PLACE_MAX = 64 };

static const char *const header[] = {"code", "state", "ratecenter", NULL};

static const struct column columns[] = {
    {"code",       ROWS_TEXT, false, NULL},
    {"state",      ROWS_TEXT, false, NULL},
    {"ratecenter", ROWS_TEXT, false, NULL},
    {NULL,         ROWS_TEXT, false, NULL},
};

struct import {
    struct ctl *ctl;
    struct csv *csv;
    struct bad *bad;
    struct cmd cmd; /* coverage_set under construction; empty: cmd.n is 0 */
    size_t waiting;
    int64_t rows, taken, added;
};

static bool flush(struct import *i)
{
    struct redisReply *reply;
    if (i->waiting == 0)
        return true;
    size_t sent = i->waiting;
    i->waiting = 0;
    bool good = ctl_send(i->ctl, &i->cmd, NULL, &reply);
    i->cmd = (struct cmd){0};
    if (!good)
        return false;
    i->taken += (int64_t)sent;
    i->added += reply_int(reply, 1, 0);
    reply_free(reply);
    return true;
}

/* NULL, or why the code does not go with what stands beside it. */
static const char *check_code(const struct ctl *c, struct span code, bool state, bool ratecenter)
{
    if (code.n == 0)
        return state && ratecenter ? NULL : "code: empty, and no rate centre with its state";
    if (code.n == CODE_DIGITS) {
        if (!phone_tollfree(c->conf.policy.tollfree_codes, code.p))
            return "code: not a toll-free code in service";
        return state || ratecenter ? "state: a toll-free code has neither state nor rate centre"
                                   : NULL;
    }
    if (!phone_block_valid(code))
        return "code: neither NPANXX nor toll-free code";
    return state ? NULL : "state: missing";
}

/* NULL when the row waits to be sent, else why it can't be taken. */
static const char *take_row(struct import *i, const struct span fields[CSV_FIELDS])
{
    const char *state = "";
    if (fields[STATE].n > 0)
        state = ctl_state_find(fields[STATE]);
    if (!state || strcmp(state, STATE_TOLLFREE) == 0)
        return "state: no such state";
    if (fields[RATECENTER].n > PLACE_MAX || !ctl_type_printable(fields[RATECENTER]) ||
        (fields[RATECENTER].n && memchr(fields[RATECENTER].p, '|', fields[RATECENTER].n)))
        return "ratecenter: over 64 bytes, or characters that can't be in a name";
    const char *reason = check_code(i->ctl, fields[CODE], *state, fields[RATECENTER].n > 0);
    if (reason)
        return reason;
    if (i->waiting++ == 0)
        cmd_fcall(&i->cmd, "coverage_set", KEY_COVERAGE);
    cmd_span(&i->cmd, fields[CODE]);
    cmd_text(&i->cmd, state);
    cmd_span(&i->cmd, fields[RATECENTER]);
    return NULL;
}

static bool take_rows(struct import *i)
{
    struct span fields[CSV_FIELDS];
    enum csv_result result;
    while ((result = ctl_csv_next(i->csv, fields)) == CSV_ROW || result == CSV_BAD) {
        const char *reason = result == CSV_BAD ? ctl_csv_reason(i->csv) : take_row(i, fields);
        i->rows++;
        if (reason)
            ctl_bad_add(i->bad, ctl_csv_line(i->csv), reason);
        if (i->waiting >= BATCH_ROWS && !flush(i))
            return false;
    }
    if (result == CSV_FAILED)
        ctl_fail("FILE: can't be read on after line %lu", ctl_csv_line(i->csv));
    return flush(i) && result == CSV_END;
}

static int print_import(struct import *i, bool whole)
{
    static const struct column import_columns[] = {
        {"rows",  ROWS_COUNT, false, NULL},
        {"added", ROWS_COUNT, false, NULL},
        {"known", ROWS_COUNT, false, NULL},
        {"bad",   ROWS_COUNT, false, NULL},
        {NULL,    ROWS_TEXT,  false, NULL},
    };
    struct rows *rows = ctl_rows_new(import_columns);
    ctl_rows_add(rows);
    ctl_rows_set_int(rows, "rows", i->rows);
    ctl_rows_set_int(rows, "added", i->added);
    ctl_rows_set_int(rows, "known", i->taken - i->added);
    ctl_rows_set_int(rows, "bad", ctl_bad_count(i->bad));
    ctl_bad_attach(i->bad, rows, i->ctl->json);
    int code = ctl_rows_print(rows, ROWS_ONE, i->ctl->json);
    if (!whole)
        return ctl_fail("the import broke off; repeated it goes on");
    return i->taken > 0 ? code : ctl_fail("FILE: no row could be imported");
}

int ctl_coverage_import(struct ctl *c, const struct args *a)
{
    const char *file = ctl_args_text(a, "FILE");
    struct import i = {.ctl = c, .csv = ctl_csv_open(file, header)};
    if (!i.csv)
        return CTL_FAILED;
    i.bad = ctl_bad_new(file);
    bool whole = take_rows(&i);
    int code = print_import(&i, whole);
    cmd_free(&i.cmd);
    ctl_bad_free(i.bad);
    ctl_csv_close(i.csv);
    return code;
}

int ctl_coverage_list(struct ctl *c, const struct args *a)
{
    (void)a;
    struct redisReply *reply;
    if (!ctl_read(c, NULL, &reply, "coverage_list", KEY_COVERAGE, NULL))
        return CTL_FAILED;
    struct rows *rows = ctl_rows_new(columns);
    ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    return ctl_rows_print(rows, ROWS_LIST, c->json);
}

/* "wa:seattle" as the store has it. */
static char *field_of(const char *text)
{
    char *field = ctl_copy(span_of(text));
    char *colon = strchr(field, ':');
    for (char *p = field; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    if (colon)
        *colon = '|';
    return field;
}

int ctl_coverage_remove(struct ctl *c, const struct args *a)
{
    const char *name = ctl_args_text(a, "CODE|STATE:RATECENTER");
    static const struct column removed_columns[] = {
        {"removed", ROWS_COUNT, false, NULL},
        {NULL,      ROWS_TEXT,  false, NULL},
    };
    struct redisReply *reply = NULL;
    char *field = field_of(name);
    bool sent = ctl_call(c, NULL, &reply, "coverage_remove", KEY_COVERAGE, field, NULL);
    int64_t removed = sent ? reply_int(reply, 1, 0) : 0;
    free(field);
    reply_free(reply);
    if (!sent)
        return CTL_FAILED;
    if (removed == 0)
        return ctl_fail("%s: not in the coverage", name);
    struct rows *rows = ctl_rows_new(removed_columns);
    ctl_rows_add(rows);
    ctl_rows_set_int(rows, "removed", removed);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}
