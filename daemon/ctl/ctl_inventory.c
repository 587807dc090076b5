/* inventory import, inventory remove, inventory show. An import leaves known numbers as they are.
 */
#include "ctl_batch.h"
#include "ctl_import.h"
#include "ctl_state.h"
#include "ctl_type.h"
#include "ctl_verbs.h"

#include <stdlib.h>

enum { NUMBER, STATE, RATECENTER, CITY, PLACE_MAX = 64 };

static const char *const header[] = {"number", "state", "ratecenter", "city", NULL};

struct stocking {
    struct ctl *ctl;
    struct batch *batch;
};

/* ---- Checks of a row: NULL, or why it can't be taken ---- */

static const char *check_number(struct span s, struct phone *ret)
{
    if (s.n != PHONE_NANP_DIGITS || phone_parse(s, ret) < 0)
        return "number: not 10 digits of a North American number";
    return NULL;
}

static const char *check_state(const struct ctl *c, const struct phone *number, struct span s,
                               const char **ret)
{
    bool tollfree = phone_tollfree(c->conf.policy.tollfree_codes, number->digits);
    if (tollfree && s.n > 0)
        return "state: a toll-free number has none";
    if (!tollfree && s.n == 0)
        return "state: empty, and the number is not toll-free";
    *ret = ctl_state_find(tollfree ? SPAN_LIT(STATE_TOLLFREE) : s);
    if (!*ret || (!tollfree && strcmp(*ret, STATE_TOLLFREE) == 0))
        return "state: no such state";
    return NULL;
}

static bool place_good(struct span s)
{
    return s.n <= PLACE_MAX && !memchr(s.p, '|', s.n) && ctl_type_printable(s);
}

static const char *take_row(void *arg, const struct span fields[CSV_FIELDS])
{
    struct stocking *s = arg;
    struct phone number;
    struct batch_number row = {.ratecenter = fields[RATECENTER], .city = fields[CITY]};
    const char *reason = check_number(fields[NUMBER], &number);
    if (!reason)
        reason = check_state(s->ctl, &number, fields[STATE], &row.state);
    if (!reason && !place_good(row.ratecenter))
        reason = "ratecenter: over 64 bytes, or characters that can't be in a name";
    if (!reason && !place_good(row.city))
        reason = "city: over 64 bytes, or characters that can't be in a name";
    if (reason)
        return reason;
    row.digits = number.digits;
    return ctl_batch_add(s->batch, &row);
}

/* ---- The import ---- */

static bool full(const void *arg)
{
    return ctl_batch_full(((const struct stocking *)arg)->batch);
}

static bool flush(void *arg)
{
    return ctl_batch_flush(((struct stocking *)arg)->batch);
}

static int64_t report(const void *arg, struct rows *result)
{
    const struct stocking *s = arg;
    ctl_rows_set_int(result, "added", ctl_batch_added(s->batch));
    ctl_rows_set_int(result, "known", ctl_batch_known(s->batch));
    return ctl_batch_added(s->batch) + ctl_batch_known(s->batch);
}

int ctl_inventory_import(struct ctl *c, const struct args *a)
{
    static const struct column columns[] = {
        {"rows",  ROWS_COUNT, false, NULL},
        {"added", ROWS_COUNT, false, NULL},
        {"known", ROWS_COUNT, false, NULL},
        {"bad",   ROWS_COUNT, false, NULL},
        {NULL,    ROWS_TEXT,  false, NULL},
    };
    static const struct import import = {header, columns, take_row, full, flush, report};
    struct stocking s = {.ctl = c, .batch = ctl_batch_open(c)};
    if (!s.batch)
        return CTL_FAILED;
    int code = ctl_import(c, ctl_args_text(a, "FILE"), &import, &s);
    ctl_batch_free(s.batch);
    return code;
}

/* ---- inventory remove ---- */

/* Calls of inv_withdraw, one under way for each state. */
struct withdrawal {
    struct ctl *ctl;
    struct import_call *calls;
};

static const char *withdraw_row(void *arg, const struct span fields[CSV_FIELDS])
{
    struct withdrawal *w = arg;
    struct phone number;
    const char *state = NULL, *reason = check_number(fields[NUMBER], &number);
    if (!reason)
        reason = check_state(w->ctl, &number, fields[STATE], &state);
    if (reason)
        return reason;
    cmd_text(ctl_import_row(&w->calls[ctl_state_index(state)]), number.digits);
    return NULL;
}

static bool withdraw_full(const void *arg)
{
    const struct withdrawal *w = arg;
    for (size_t i = 0; i < ctl_state_count(); i++) {
        if (ctl_import_call_full(&w->calls[i]))
            return true;
    }
    return false;
}

static bool withdraw_flush(void *arg)
{
    struct withdrawal *w = arg;
    for (size_t i = 0; i < ctl_state_count(); i++) {
        if (!ctl_import_call_flush(&w->calls[i]))
            return false;
    }
    return true;
}

static int64_t report_withdrawn(const void *arg, struct rows *result)
{
    const struct withdrawal *w = arg;
    int64_t taken = 0, removed = 0;
    for (size_t i = 0; i < ctl_state_count(); i++) {
        taken += w->calls[i].taken;
        removed += w->calls[i].counted;
    }
    ctl_rows_set_int(result, "removed", removed);
    ctl_rows_set_int(result, "kept", taken - removed);
    return taken;
}

int ctl_inventory_remove(struct ctl *c, const struct args *a)
{
    static const struct column columns[] = {
        {"rows",    ROWS_COUNT, false, NULL},
        {"removed", ROWS_COUNT, false, NULL},
        {"kept",    ROWS_COUNT, false, NULL},
        {"bad",     ROWS_COUNT, false, NULL},
        {NULL,      ROWS_TEXT,  false, NULL},
    };
    static const struct import import = {header,        columns,        withdraw_row,
                                         withdraw_full, withdraw_flush, report_withdrawn};
    struct withdrawal w = {.ctl = c, .calls = ctl_alloc(ctl_state_count() * sizeof(*w.calls))};
    for (size_t i = 0; i < ctl_state_count(); i++)
        w.calls[i] = (struct import_call){
            .ctl = c, .function = "inv_withdraw", .key = key_inventory(ctl_state_at(i))};
    int code = ctl_import(c, ctl_args_text(a, "FILE"), &import, &w);
    for (size_t i = 0; i < ctl_state_count(); i++)
        cmd_free(&w.calls[i].cmd);
    free(w.calls);
    return code;
}

/* ---- inventory show ---- */

static const struct column sums[] = {
    {"state",   ROWS_TEXT,  false, NULL},
    {"blocks",  ROWS_COUNT, false, NULL},
    {"free",    ROWS_COUNT, false, NULL},
    {"held",    ROWS_COUNT, false, NULL},
    {"resting", ROWS_COUNT, false, NULL},
    {NULL,      ROWS_TEXT,  false, NULL},
};

static const struct column blocks[] = {
    {"npanxx",     ROWS_TEXT,  false, NULL},
    {"ratecenter", ROWS_TEXT,  false, NULL},
    {"city",       ROWS_TEXT,  false, NULL},
    {"free",       ROWS_COUNT, false, NULL},
    {NULL,         ROWS_TEXT,  false, NULL},
};

static void add_sum(void *arg, const char *state, const struct redisReply *reply)
{
    struct rows *rows = arg;
    bool any = false;
    for (size_t i = 1; i < reply_count(reply); i++)
        any |= reply_int(reply, i, 0) != 0;
    if (!any)
        return;
    ctl_rows_add(rows);
    ctl_rows_set(rows, "state", state);
    for (size_t i = 1; sums[i].name; i++)
        ctl_rows_set(rows, sums[i].name, reply_text(reply, i));
}

static void add_blocks(void *arg, const char *state, const struct redisReply *reply)
{
    (void)state;
    ctl_rows_add_tables(arg, reply, 1);
}

int ctl_inventory_show(struct ctl *c, const struct args *a)
{
    bool one = ctl_args_given(a, "STATE");
    struct names states = {0};
    struct rows *rows = ctl_rows_new(one ? blocks : sums);
    for (size_t i = 0; i < ctl_state_count(); i++) {
        if (!one || strcmp(ctl_state_at(i), ctl_args_text(a, "STATE")) == 0)
            ctl_names_add(&states, ctl_state_at(i));
    }
    bool good = ctl_each(c, &states, key_inventory, one ? "inv_blocks" : "inv_sums", NULL,
                         one ? add_blocks : add_sum, rows);
    ctl_names_free(&states);
    if (good)
        return ctl_rows_print(rows, ROWS_LIST, c->json);
    ctl_rows_free(rows);
    return CTL_FAILED;
}
