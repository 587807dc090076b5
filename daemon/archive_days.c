#include "archive_days.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = ARCHIVE_DAY - 1 };

/* The files that are asked for. */
struct wanted {
    const char *from, *to;
    const char *success, *failed; /* what follows the day in their names */
};

static bool is_day(const char *name)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < DAY; i++) {
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (form[i] == 'd' ? !digit : name[i] != '-')
            return false;
    }
    return true;
}

static bool read_name(const struct wanted *w, const char *name, struct archive_day *ret)
{
    struct archive_day d = {0};
    if (!is_day(name) || memcmp(name, w->from, DAY) < 0 || memcmp(name, w->to, DAY) > 0)
        return false;
    memcpy(d.day, name, DAY);
    d.success = strcmp(name + DAY, w->success) == 0;
    d.failed = strcmp(name + DAY, w->failed) == 0;
    *ret = d;
    return d.success || d.failed;
}

/* Fills in up to `max` files' days, each file by itself; returns how many there are. */
static size_t walk(DIR *folder, const struct wanted *w, struct archive_day *days, size_t max)
{
    size_t n = 0;
    struct archive_day d;
    rewinddir(folder);
    for (const struct dirent *e = readdir(folder); e; e = readdir(folder)) {
        if (!read_name(w, e->d_name, &d))
            continue;
        if (n < max)
            days[n] = d;
        n++;
    }
    return n < max || !days ? n : max;
}

static int newest_first(const void *a, const void *b)
{
    const struct archive_day *x = a, *y = b;
    return memcmp(y->day, x->day, DAY);
}

/* Makes one of the two files of a day; returns how many days there are. */
static size_t merge(struct archive_day *days, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (at > 0 && memcmp(days[at - 1].day, days[i].day, DAY) == 0) {
            days[at - 1].success |= days[i].success;
            days[at - 1].failed |= days[i].failed;
        } else {
            days[at++] = days[i];
        }
    }
    return at;
}

static int read_folder(struct scratch *mem, DIR *folder, const struct wanted *w,
                       struct archive_day **ret, size_t *ret_n)
{
    size_t n = walk(folder, w, NULL, 0);
    struct archive_day *days = n ? scratch_array(mem, n, sizeof(*days)) : NULL;
    if (n && !days)
        return ERR_NOMEM;
    if (n) {
        n = walk(folder, w, days, n);
        qsort(days, n, sizeof(*days), newest_first);
        n = merge(days, n);
    }
    *ret = days;
    *ret_n = n;
    return ERR_OK;
}

int archive_days(struct scratch *mem, const char *dir, const char *account, const char *direction,
                 const char *from, const char *to, struct archive_day **ret, size_t *ret_n)
{
    struct wanted w = {from, to, scratch_printf(mem, "-%s-success.csv", direction),
                       scratch_printf(mem, "-%s-failed.csv", direction)};
    char *path = scratch_printf(mem, "%s/cdr/%s", dir, account);
    if (!w.success || !w.failed || !path)
        return ERR_NOMEM;
    *ret = NULL;
    *ret_n = 0;
    if (!*dir || *account == '.')
        return ERR_OK; /* nothing is archived of these */
    DIR *folder = opendir(path);
    if (!folder)
        return errno == ENOENT ? ERR_OK : ERR_SYSTEM;
    int err = read_folder(mem, folder, &w, ret, ret_n);
    closedir(folder);
    return err;
}

char *archive_file(struct scratch *mem, const char *account, const char *direction,
                   const struct archive_day *day, bool success)
{
    return scratch_printf(mem, "cdr/%s/%s-%s-%s.csv", account, day->day, direction,
                          success ? "success" : "failed");
}
