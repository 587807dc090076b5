/* Call records by day: links to the files of the archive. */
#include <stdio.h>
#include <time.h>

#include "archive_days.h"
#include "clock.h"
#include "op.h"

enum { DEFAULT_DAYS = 30 };

static const int64_t day_ms = 86400000;

static void day_of(int64_t unix_ms, char ret[ARCHIVE_DAY])
{
    char text[CLOCK_TEXT];
    snprintf(ret, ARCHIVE_DAY, "%.10s", clock_text(unix_ms, text));
}

/* An empty text for a file that is not there. */
static int show_file(struct op *op, const char *key, const char *direction,
                     const struct archive_day *day, bool there, bool success)
{
    char *file = there ? archive_file(op->mem, op->account, direction, day, success) : NULL;
    char *path = file ? scratch_printf(op->mem, "/uploads/%s", file) : NULL;
    char *link = path ? op_link(op, path) : NULL;
    if (there && !link)
        return ERR_NOMEM;
    answer_text(op->answer, key, link ? link : "");
    return ERR_OK;
}

static int show_day(struct op *op, const char *direction, const struct archive_day *day)
{
    answer_object(op->answer, NULL);
    answer_text(op->answer, "date", scratch_printf(op->mem, "%s 00:00:00", day->day));
    int err = show_file(op, "success", direction, day, day->success, true);
    if (err == ERR_OK)
        err = show_file(op, "failed", direction, day, day->failed, false);
    answer_close(op->answer);
    return err;
}

/* Without `to` up to today, without `from` the 30 days up to then. */
static int daily(struct op *op, const char *direction)
{
    char from[ARCHIVE_DAY], to[ARCHIVE_DAY];
    struct archive_day *days;
    size_t n;
    int64_t last = op_number(op, "to", (int64_t)time(NULL) * 1000);
    day_of(op_number(op, "from", last - (DEFAULT_DAYS - 1) * day_ms), from);
    day_of(last, to);
    int err = archive_days(op->mem, service_conf(op->service)->files.dir, op->account, direction,
                           from, to, &days, &n);
    if (err != ERR_OK)
        return err;
    struct op_page page = op_page(op, n, 0);
    answer_list(op->answer, "data");
    for (size_t i = page.from; i < page.to && err == ERR_OK; i++)
        err = show_day(op, direction, &days[i]);
    answer_close(op->answer);
    return err;
}

int op_daily(struct op *op)
{
    return daily(op, "in");
}

int op_daily_term(struct op *op)
{
    return daily(op, "out");
}
