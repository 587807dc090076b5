/* lnp coverage import, list, remove: which numbers can be ported in. */
#include "ctl_import.h"
#include "ctl_state.h"
#include "ctl_type.h"
#include "ctl_verbs.h"

#include <ctype.h>
#include <stdlib.h>

enum { CODE, STATE, RATECENTER, CODE_DIGITS = 3, PLACE_MAX = 64 };

static const char *const header[] = {"code", "state", "ratecenter", NULL};

static const struct column columns[] = {
    {"code",       ROWS_TEXT, false, NULL},
    {"state",      ROWS_TEXT, false, NULL},
    {"ratecenter", ROWS_TEXT, false, NULL},
    {NULL,         ROWS_TEXT, false, NULL},
};

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
static const char *take_row(void *arg, const struct span fields[CSV_FIELDS])
{
    struct import_call *call = arg;
    const char *state = "";
    if (fields[STATE].n > 0)
        state = ctl_state_find(fields[STATE]);
    if (!state || strcmp(state, STATE_TOLLFREE) == 0)
        return "state: no such state";
    if (fields[RATECENTER].n > PLACE_MAX || !ctl_type_printable(fields[RATECENTER]) ||
        (fields[RATECENTER].n && memchr(fields[RATECENTER].p, '|', fields[RATECENTER].n)))
        return "ratecenter: over 64 bytes, or characters that can't be in a name";
    const char *reason = check_code(call->ctl, fields[CODE], *state, fields[RATECENTER].n > 0);
    if (reason)
        return reason;
    struct cmd *cmd = ctl_import_row(call);
    cmd_span(cmd, fields[CODE]);
    cmd_text(cmd, state);
    cmd_span(cmd, fields[RATECENTER]);
    return NULL;
}

static int64_t report(const void *arg, struct rows *result)
{
    const struct import_call *call = arg;
    ctl_rows_set_int(result, "added", call->counted);
    ctl_rows_set_int(result, "known", call->taken - call->counted);
    return call->taken;
}

int ctl_coverage_import(struct ctl *c, const struct args *a)
{
    static const struct column import_columns[] = {
        {"rows",  ROWS_COUNT, false, NULL},
        {"added", ROWS_COUNT, false, NULL},
        {"known", ROWS_COUNT, false, NULL},
        {"bad",   ROWS_COUNT, false, NULL},
        {NULL,    ROWS_TEXT,  false, NULL},
    };
    static const struct import import = {
        header, import_columns, take_row, ctl_import_call_full, ctl_import_call_flush, report};
    struct import_call call = {.ctl = c, .function = "coverage_set", .key = {KEY_COVERAGE}};
    return ctl_import(c, ctl_args_text(a, "FILE"), &import, &call);
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
