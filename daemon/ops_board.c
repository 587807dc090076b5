#include "ops_board.h"

#include <stdlib.h>
#include <string.h>

enum { SECOND_US = 1000000 };

struct ops_board *ops_board_new(void)
{
    struct ops_board *b = calloc(1, sizeof(*b));
    if (b)
        b->trouble = "not asked yet";
    return b;
}

static void account_free(struct ops_account *a)
{
    if (!a)
        return;
    free(a->trunks);
    free(a);
}

void ops_board_free(struct ops_board *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->account_n; i++)
        account_free(b->accounts[i]);
    for (size_t i = 0; i < OPS_PARTS; i++)
        json_decref(b->parts[i]);
    free(b->accounts);
    free(b);
}

void ops_board_part(struct ops_board *b, enum ops_part part, json_t *value)
{
    json_decref(b->parts[part]);
    b->parts[part] = value;
}

/* ---- accounts ---- */

static int by_name(const void *a, const void *b)
{
    const struct ops_account *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static struct ops_account *find(const struct ops_board *b, size_t n, const char *name)
{
    struct ops_account wanted, *key = &wanted;
    snprintf(wanted.name, sizeof(wanted.name), "%s", name);
    struct ops_account **at =
        n ? bsearch(&key, b->accounts, n, sizeof(struct ops_account *), by_name) : NULL;
    return at ? *at : NULL;
}

static void drop_unlisted(struct ops_board *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->account_n; i++) {
        if (b->accounts[i]->listed)
            b->accounts[kept++] = b->accounts[i];
        else
            account_free(b->accounts[i]);
    }
    b->account_n = kept;
}

int ops_board_list(struct ops_board *b, const struct redisReply *names)
{
    size_t n = reply_count(names), known = b->account_n;
    struct ops_account **all =
        realloc((void *)b->accounts, (known + n + 1) * sizeof(struct ops_account *));
    if (!all)
        return ERR_NOMEM;
    b->accounts = all;
    for (size_t i = 0; i < known; i++)
        all[i]->listed = false;
    for (size_t i = 1; i < n; i++) {
        const char *name = reply_text(names, i);
        struct ops_account *a = find(b, known, name);
        if (!a) {
            a = calloc(1, sizeof(*a));
            if (!a)
                return ERR_NOMEM;
            snprintf(a->name, sizeof(a->name), "%s", name);
            all[b->account_n++] = a;
        }
        a->listed = true;
    }
    drop_unlisted(b);
    if (b->account_n)
        qsort((void *)b->accounts, b->account_n, sizeof(struct ops_account *), by_name);
    return ERR_OK;
}

/* ---- a reading ---- */

/* Elements of call_totals' reply. */
enum { ADMITTED = 1, REFUSED, CDRS, LIVE, HELD, TABLE };

static void read_trunk(const struct ops_account *a, const struct table *t, size_t row,
                       struct ops_trunk *ret)
{
    *ret = (struct ops_trunk){
        .sessions = table_int(t, row, "sessions", OPS_NO_LIMIT),
        .cps = table_int(t, row, "cps", OPS_NO_LIMIT),
        .busy = table_int(t, row, "busy", 0),
        .processed = table_int(t, row, "processed", 0),
        .completed = table_int(t, row, "completed", 0),
        .ms = table_int(t, row, "ms", 0),
        .today = table_int(t, row, "today", 0),
        .today_answered = table_int(t, row, "today_answered", 0),
        .today_ms = table_int(t, row, "today_ms", 0),
    };
    snprintf(ret->account, sizeof(ret->account), "%s", a->name);
    snprintf(ret->id, sizeof(ret->id), "%s", table_text(t, row, "tg"));
    snprintf(ret->direction, sizeof(ret->direction), "%s", table_text(t, row, "direction"));
    const char *title = table_text(t, row, "title");
    size_t n = strlen(title);
    n = n < OPS_TITLE ? n : OPS_TITLE - 1;
    while (n && n < strlen(title) && ((unsigned char)title[n] & 0xc0) == 0x80)
        n--; /* no part of a character */
    memcpy(ret->title, title, n);
}

static const struct ops_trunk *known_trunk(const struct ops_account *a, const char *id)
{
    for (size_t i = 0; i < a->trunk_n; i++) {
        if (strcmp(a->trunks[i].id, id) == 0)
            return &a->trunks[i];
    }
    return NULL;
}

/* Counters never fall; one that did is another's. */
static int64_t gain(int64_t was, int64_t is)
{
    return is > was ? is - was : 0;
}

/* What came since the trunk was read before. A call has come when it is over or under way. */
static void compare_trunk(const struct ops_board *b, struct ops_trunk *t,
                          const struct ops_trunk *before, double seconds)
{
    size_t step = (size_t)(b->step % OPS_STEPS);
    memcpy(t->steps, before->steps, sizeof(t->steps));
    t->steps[step].ended += (int32_t)gain(before->processed, t->processed);
    t->steps[step].answered += (int32_t)gain(before->completed, t->completed);
    t->rate = (double)gain(before->processed + before->busy, t->processed + t->busy) / seconds;
}

int ops_board_take(struct ops_board *b, struct ops_account *a, const struct redisReply *totals,
                   int64_t now_us)
{
    struct table table;
    double seconds = (double)(now_us - a->read_us) / SECOND_US;
    bool read_before = a->read_us != 0 && seconds > 0;
    int err = table_open(totals, TABLE, &table);
    struct ops_trunk *trunks =
        err == ERR_OK ? calloc(table.rows + 1, sizeof(struct ops_trunk)) : NULL;
    if (err != ERR_OK || !trunks)
        return err != ERR_OK ? err : ERR_NOMEM;
    int64_t came = a->admitted + a->refused;
    a->processed = a->completed = 0;
    for (size_t i = 0; i < table.rows; i++) {
        struct ops_trunk *t = &trunks[i];
        read_trunk(a, &table, i, t);
        const struct ops_trunk *before = read_before ? known_trunk(a, t->id) : NULL;
        if (before)
            compare_trunk(b, t, before, seconds);
        a->processed += t->processed;
        a->completed += t->completed;
    }
    free(a->trunks);
    a->trunks = trunks;
    a->trunk_n = table.rows;
    a->admitted = reply_int(totals, ADMITTED, 0);
    a->refused = reply_int(totals, REFUSED, 0);
    a->cdrs = reply_int(totals, CDRS, 0);
    a->live = reply_int(totals, LIVE, 0);
    a->held = reply_int(totals, HELD, 0);
    a->rate = read_before ? (double)gain(came, a->admitted + a->refused) / seconds : 0;
    a->read_us = now_us;
    return ERR_OK;
}

/* ---- seconds and steps ---- */

struct ops_point ops_board_sum(const struct ops_board *b)
{
    struct ops_point p = {.known = b->up};
    for (size_t i = 0; i < b->account_n; i++) {
        const struct ops_account *a = b->accounts[i];
        p.known = p.known && a->read_us != 0;
        p.live += a->live;
        p.processed += a->processed;
        p.completed += a->completed;
        p.rate += a->rate;
    }
    return p;
}

void ops_board_add(struct ops_board *b, const struct ops_point *p)
{
    b->points[b->point_at] = *p;
    b->point_at = (b->point_at + 1) % OPS_SECONDS;
    b->point_n += b->point_n < OPS_SECONDS;
}

const struct ops_point *ops_board_before(const struct ops_board *b, size_t n)
{
    return n < b->point_n ? &b->points[(b->point_at + OPS_SECONDS - 1 - n) % OPS_SECONDS] : NULL;
}

static void clear_step(struct ops_board *b, size_t step)
{
    for (size_t i = 0; i < b->account_n; i++) {
        for (size_t j = 0; j < b->accounts[i]->trunk_n; j++)
            memset(&b->accounts[i]->trunks[j].steps[step], 0,
                   sizeof(b->accounts[i]->trunks[j].steps[step]));
    }
}

void ops_board_step(struct ops_board *b, int64_t now_ms)
{
    int64_t step = now_ms / 1000 / OPS_STEP_S;
    if (step - b->step > OPS_STEPS || step < b->step)
        b->step = step - OPS_STEPS;
    while (b->step < step)
        clear_step(b, (size_t)(++b->step % OPS_STEPS));
}

/* ---- the busiest ---- */

static int by_calls(const void *a, const void *b)
{
    const struct ops_trunk *left = *(const struct ops_trunk *const *)a,
                           *right = *(const struct ops_trunk *const *)b;
    if (left->busy != right->busy)
        return left->busy > right->busy ? -1 : 1;
    if (left->today != right->today)
        return left->today > right->today ? -1 : 1;
    int order = strcmp(left->account, right->account);
    return order ? order : strcmp(left->id, right->id);
}

size_t ops_board_top(const struct ops_board *b, const struct ops_trunk **ret, size_t most)
{
    size_t all = 0, n = 0;
    for (size_t i = 0; i < b->account_n; i++)
        all += b->accounts[i]->trunk_n;
    const struct ops_trunk **list = all ? calloc(all, sizeof(*list)) : NULL;
    for (size_t i = 0; list && i < b->account_n; i++) {
        for (size_t j = 0; j < b->accounts[i]->trunk_n; j++)
            list[n++] = &b->accounts[i]->trunks[j];
    }
    if (n)
        qsort((void *)list, n, sizeof(*list), by_calls);
    n = n < most ? n : most;
    for (size_t i = 0; i < n; i++)
        ret[i] = list[i];
    free((void *)list);
    return n;
}
