#include "invoice_calls.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys.h"
#include "log.h"
#include "num.h"
#include "reply.h"

enum { CELLS = 32, PAGE_CALLS = 500, ID_TEXT = 48, SECONDS_TEXT = 19 };

#define DAY_MS INT64_C(86400000)
/* A call lies in the file of the day it ended, but may be booked later; so much later is looked at,
 * what is later still is noted on the invoice. */
#define LATE_MS (8 * DAY_MS)

/* Place of an entry in the account's stream. */
struct place {
    int64_t ms, n;
};

static bool before(struct place a, struct place b)
{
    return a.ms != b.ms ? a.ms < b.ms : a.n < b.n;
}

static bool read_place(const char *text, struct place *ret)
{
    struct span rest = span_of(text), ms;
    return span_cut(&rest, '-', &ms) && num_parse(ms, 0, INT64_MAX, &ret->ms) == ERR_OK &&
           num_parse(rest, 0, INT64_MAX, &ret->n) == ERR_OK;
}

/* One file and its current line, cut into cells in place. */
struct reader {
    FILE *file;
    char *line;
    size_t cap;
    char *cells[CELLS];
    size_t columns; /* of the header */
    struct place place;
    bool have;
};

static const char *const names[] = {"direction",      "number", "from",   "to",      "answer",
                                    "billed_seconds", "rate",   "amount", "sequence"};
enum { DIRECTION, NUMBER, FROM, TO, ANSWER, BILLED, RATE, AMOUNT, SEQUENCE, NAMES };

/* Cuts a line of CSV into cells; quotes are taken off, and the apostrophe that keeps a spreadsheet
 * from taking a text for a formula. */
static size_t cut_line(char *line, char *cells[CELLS])
{
    char *in = line, *out;
    size_t n = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (bool more = true; more && n < CELLS; n++) {
        bool quoted = *in == '"';
        in += quoted;
        cells[n] = out = in;
        for (; *in && (quoted || *in != ','); in++) {
            if (quoted && *in == '"' && *++in != '"') {
                quoted = false;
                if (*in != ',')
                    break;
                in--; /* the comma ends the cell */
                continue;
            }
            *out++ = *in;
        }
        more = *in == ',';
        *out = '\0';
        in++;
        if (cells[n][0] == '\'' && cells[n][1] && strchr("=+-@\t", cells[n][1]))
            cells[n]++;
    }
    return n;
}

struct layout {
    size_t at[NAMES];
};

static bool read_layout(struct reader *r, struct layout *ret)
{
    if (getline(&r->line, &r->cap, r->file) < 0)
        return false;
    r->columns = cut_line(r->line, r->cells);
    for (size_t i = 0; i < NAMES; i++) {
        size_t at = 0;
        while (at < r->columns && strcmp(r->cells[at], names[i]) != 0)
            at++;
        if (at == r->columns)
            return false;
        ret->at[i] = at;
    }
    return true;
}

/* ERR_OK with have false: the end. */
static int next_line(struct reader *r, const struct layout *l)
{
    r->have = false;
    if (!r->file || getline(&r->line, &r->cap, r->file) < 0)
        return r->file && ferror(r->file) ? ERR_SYSTEM : ERR_OK;
    if (cut_line(r->line, r->cells) != r->columns ||
        !read_place(r->cells[l->at[SEQUENCE]], &r->place))
        return ERR_INVALID;
    r->have = true;
    return ERR_OK;
}

static int open_reader(const struct invoice_data *d, const char *day, const char *direction,
                       struct reader *r, struct layout *l)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/cdr/%s/%s-%s-success.csv", d->conf->files.dir,
                     d->account, day, direction);
    r->file = n > 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
    if (!r->file)
        return errno == ENOENT ? ERR_OK : ERR_SYSTEM;
    if (!read_layout(r, l)) {
        log_error("%s: its header is not that of call records", path);
        return ERR_INVALID;
    }
    return next_line(r, l);
}

static void close_reader(struct reader *r)
{
    if (r->file)
        fclose(r->file);
    free(r->line);
}

static int show_cells(const struct reader *r, const struct layout *l, invoice_call_fn *fn,
                      void *arg)
{
    struct invoice_call call = {.in = strcmp(r->cells[l->at[DIRECTION]], "in") == 0};
    const char *when = r->cells[l->at[ANSWER]];
    struct span text = {when, strlen(when) < SECONDS_TEXT ? strlen(when) : SECONDS_TEXT};
    if (!span_copy(text, call.when, sizeof(call.when)) ||
        num_parse(span_of(r->cells[l->at[BILLED]]), 0, INT64_MAX, &call.billed) != ERR_OK ||
        money_parse(span_of(r->cells[l->at[RATE]]), &call.rate) != ERR_OK ||
        money_parse(span_of(r->cells[l->at[AMOUNT]]), &call.amount) != ERR_OK)
        return ERR_INVALID;
    call.from = r->cells[l->at[FROM]];
    call.to = r->cells[l->at[call.in ? NUMBER : TO]];
    if (call.amount != 0)
        fn(arg, &call);
    return ERR_OK;
}

/* A day's incoming and outgoing calls in the order that they were booked; those of other months are
 * passed over. *last: the latest place seen. */
static int show_day(const struct invoice_data *d, const char *day, struct place *last,
                    invoice_call_fn *fn, void *arg)
{
    struct reader readers[2] = {0};
    struct layout layouts[2] = {0};
    int err = open_reader(d, day, "in", &readers[0], &layouts[0]);
    if (err == ERR_OK)
        err = open_reader(d, day, "out", &readers[1], &layouts[1]);
    while (err == ERR_OK && (readers[0].have || readers[1].have)) {
        int i = !readers[0].have || (readers[1].have && before(readers[1].place, readers[0].place));
        struct reader *r = &readers[i];
        bool ours = r->place.ms >= d->from_ms && r->place.ms < d->to_ms;
        if (ours)
            err = show_cells(r, &layouts[i], fn, arg);
        if (ours && before(*last, r->place))
            *last = r->place;
        if (err == ERR_OK)
            err = next_line(r, &layouts[i]);
    }
    close_reader(&readers[0]);
    close_reader(&readers[1]);
    return err;
}

static int show_files(const struct invoice_data *d, struct place *last, invoice_call_fn *fn,
                      void *arg)
{
    int err = ERR_OK;
    for (int64_t ms = d->from_ms - LATE_MS; ms < d->to_ms && err == ERR_OK; ms += DAY_MS) {
        char day[CLOCK_TEXT];
        clock_text(ms, day);
        day[strcspn(day, " ")] = '\0';
        err = show_day(d, day, last, fn, arg);
    }
    return err;
}

static void show_row(const struct table *t, size_t row, invoice_call_fn *fn, void *arg)
{
    struct invoice_call call = {
        .in = strcmp(table_text(t, row, "direction"), "in") == 0,
        .from = table_text(t, row, "from"),
        .billed = table_int(t, row, "billed", 0),
        .rate = table_int(t, row, "rate", 0),
        .amount = table_int(t, row, "amount", 0),
    };
    call.to = table_text(t, row, call.in ? "number" : "to");
    clock_text(table_int(t, row, "answer_ms", 0), call.when);
    fn(arg, &call);
}

/* What came after the last that the files hold. */
static int show_stream(const struct invoice_data *d, struct place last, invoice_call_fn *fn,
                       void *arg)
{
    char at[ID_TEXT], to[24], most[24];
    int err = ERR_OK;
    if (last.ms < d->from_ms)
        snprintf(at, sizeof(at), "%" PRId64, d->from_ms);
    else
        snprintf(at, sizeof(at), "%" PRId64 "-%" PRId64, last.ms, last.n);
    snprintf(to, sizeof(to), "%" PRId64, d->to_ms);
    snprintf(most, sizeof(most), "%d", PAGE_CALLS);
    while (err == ERR_OK && *at) {
        struct redisReply *r = NULL;
        struct table t;
        err = redis_fcall_ro(d->redis, &r, "call_charges", key_account(d->account).text, at, to,
                             most, NULL);
        if (err == ERR_OK)
            err = table_open(r, 2, &t);
        if (err == ERR_OK && !span_copy(reply_span(r, 1), at, sizeof(at)))
            err = ERR_PROTOCOL;
        for (size_t row = 0; err == ERR_OK && row < t.rows; row++)
            show_row(&t, row, fn, arg);
        reply_free(r);
    }
    return err;
}

int invoice_calls(const struct invoice_data *d, invoice_call_fn *fn, void *arg)
{
    struct place last = {0};
    int err = show_files(d, &last, fn, arg);
    return err == ERR_OK ? show_stream(d, last, fn, arg) : err;
}
