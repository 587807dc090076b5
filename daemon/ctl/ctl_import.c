#include "ctl_import.h"

#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "ctl_bad.h"

enum { CALL_ROWS = 1000, LOOK_ROWS = 4096, SHOW_MS = 100, BAR = 30 };

struct run {
    const struct import *import;
    void *arg;
    struct csv *csv;
    struct bad *bad;
    int64_t rows;
    bool people; /* somebody watches */
    bool shown;  /* a bar stands on the line */
    int64_t show_ms;
};

/* ---- The bar ---- */

static void clear_bar(struct run *r)
{
    if (r->shown)
        fputs("\r\x1b[K", stderr);
    r->shown = false;
}

/* Now and then; without a bar where the end isn't known. */
static void show_bar(struct run *r)
{
    char bar[BAR + 1] = "";
    int percent = ctl_csv_percent(r->csv);
    if (!r->people || clock_boot_ms() < r->show_ms)
        return;
    clear_bar(r);
    if (percent >= 0) {
        memset(bar, '.', BAR);
        memset(bar, '#', (size_t)(percent * BAR / 100));
        fprintf(stderr, "[%s] %3d %%  ", bar, percent);
    }
    fprintf(stderr, "%lld rows", (long long)r->rows);
    r->shown = true;
    r->show_ms = clock_boot_ms() + SHOW_MS;
}

/* ---- Rows ---- */

static bool take_rows(struct run *r)
{
    const struct import *import = r->import;
    struct span fields[CSV_FIELDS];
    enum csv_result result;
    while ((result = ctl_csv_next(r->csv, fields)) == CSV_ROW || result == CSV_BAD) {
        const char *reason =
            result == CSV_BAD ? ctl_csv_reason(r->csv) : import->take(r->arg, fields);
        if (reason) {
            clear_bar(r);
            ctl_bad_add(r->bad, ctl_csv_line(r->csv), reason);
        }
        if (import->full(r->arg) && !import->flush(r->arg))
            return false;
        if (++r->rows % LOOK_ROWS == 0)
            show_bar(r);
    }
    clear_bar(r);
    if (result == CSV_FAILED)
        ctl_fail("FILE: can't be read on after line %lu", ctl_csv_line(r->csv));
    return import->flush(r->arg) && result == CSV_END;
}

static int print_result(struct ctl *c, struct run *r, bool whole)
{
    struct rows *rows = ctl_rows_new(r->import->result);
    ctl_rows_add(rows);
    ctl_rows_set_int(rows, "rows", r->rows);
    ctl_rows_set_int(rows, "bad", ctl_bad_count(r->bad));
    int64_t taken = r->import->report(r->arg, rows);
    ctl_bad_attach(r->bad, rows, c->json);
    int code = ctl_rows_print(rows, ROWS_ONE, c->json);
    if (!whole)
        return ctl_fail("the import broke off; repeated it goes on");
    return taken > 0 ? code : ctl_fail("FILE: no row could be imported");
}

int ctl_import(struct ctl *c, const char *file, const struct import *import, void *arg)
{
    struct run r = {.import = import,
                    .arg = arg,
                    .csv = ctl_csv_open(file, import->header),
                    .people = isatty(STDERR_FILENO)};
    if (!r.csv)
        return CTL_FAILED;
    r.bad = ctl_bad_new(file);
    bool whole = take_rows(&r);
    clear_bar(&r);
    int code = print_result(c, &r, whole);
    ctl_bad_free(r.bad);
    ctl_csv_close(r.csv);
    return code;
}

/* ---- Rows of calls ---- */

struct cmd *ctl_import_row(struct import_call *call)
{
    if (call->waiting++ == 0)
        cmd_fcall(&call->cmd, call->function, call->key.text);
    return &call->cmd;
}

bool ctl_import_call_full(const void *call)
{
    return ((const struct import_call *)call)->waiting >= CALL_ROWS;
}

bool ctl_import_call_flush(void *call_)
{
    struct import_call *call = call_;
    struct redisReply *reply;
    size_t sent = call->waiting;
    if (sent == 0)
        return true;
    call->waiting = 0;
    bool good = ctl_send(call->ctl, &call->cmd, NULL, &reply);
    call->cmd = (struct cmd){0};
    if (!good)
        return false;
    call->taken += (int64_t)sent;
    call->counted += reply_int(reply, 1, 0);
    reply_free(reply);
    return true;
}
