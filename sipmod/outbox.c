#include "outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "clock.h"
#include "keys.h"
#include "log.h"

enum {
    RETRY_MS = 250,
    ACCOUNT = 24,
    CALL = 24,
    WORD = 24,
    PLACE = 64,
    ATTEMPTS = 256,
};

struct entry {
    struct entry *next, *prev;
    struct outbox *outbox;
    bool finish; /* else an answer */
    bool under_way;
    char account[ACCOUNT], call[CALL];
    char target[PLACE], attempts[ATTEMPTS], upstream[PLACE];
    char reason[WORD], by[WORD];
    int code;
    int64_t pdd_ms;
    int64_t happened; /* clock_boot_ms */
};

struct outbox {
    struct store *store;
    struct timer_wheel *wheel;
    struct entry *entries; /* oldest first */
    size_t n, n_under_way;
    bool stalled; /* something failed: all that waits goes again, in order */
    struct timer retry;
};

static void send_all(struct outbox *o);

static void on_retry(struct timer *timer)
{
    send_all(timer_owner(timer, struct outbox, retry));
}

/* Sending starts again only when nothing is under way, so that order is kept. */
static void stall(struct outbox *o)
{
    o->stalled = true;
    if (o->n_under_way == 0)
        timer_set(o->wheel, &o->retry, RETRY_MS, on_retry);
}

static void drop(struct outbox *o, struct entry *e)
{
    DL_DELETE(o->entries, e);
    o->n--;
    free(e);
}

static void on_reply(void *arg, const struct redisReply *reply, int err)
{
    struct entry *e = arg;
    struct outbox *o = e->outbox;
    int result = err == ERR_OK ? reply_check(reply) : err;
    e->under_way = false;
    o->n_under_way--;
    switch (result) {
    case ERR_OK:
    case ERR_REFUSED: /* "repeat": Redis has it already; "notfound": the call is over */
        drop(o, e);
        break;
    case ERR_PROTOCOL: /* Redis will not like it better the next time */
        log_error("call %s of account %s: Redis refused its %s: %s", e->call, e->account,
                  e->finish ? "end" : "answer", raw_text(reply));
        drop(o, e);
        break;
    default:
        o->stalled = true;
        break;
    }
    if (o->stalled && o->n_under_way == 0)
        stall(o);
}

static const char *ago(int64_t boot_ms, char buf[24])
{
    int64_t ms = clock_boot_ms() - boot_ms;
    snprintf(buf, 24, "%lld", (long long)(ms > 0 ? ms : 0));
    return buf;
}

static int send_answer(struct entry *e)
{
    char ms[24], pdd[24];
    snprintf(pdd, sizeof pdd, "%lld", (long long)e->pdd_ms);
    const char *args[] = {e->call, ago(e->happened, ms), e->target, pdd, e->attempts, e->upstream};
    return store_call(e->outbox->store, on_reply, e, "call_answer", key_account(e->account).text,
                      sizeof args / sizeof *args, args);
}

static int send_finish(struct entry *e)
{
    char code[12], pdd[24] = "", ended[24];
    snprintf(code, sizeof code, "%d", e->code);
    if (e->pdd_ms) /* else as stamped by its answer */
        snprintf(pdd, sizeof pdd, "%lld", (long long)e->pdd_ms);
    const char *args[] = {e->call,     code,        e->reason, e->by, e->target,
                          e->attempts, e->upstream, pdd,       "",    ago(e->happened, ended),
                          ""};
    return store_call(e->outbox->store, on_reply, e, "call_finish", key_account(e->account).text,
                      sizeof args / sizeof *args, args);
}

static void send_entry(struct entry *e)
{
    struct outbox *o = e->outbox;
    e->under_way = true;
    o->n_under_way++;
    if ((e->finish ? send_finish(e) : send_answer(e)) != ERR_OK) {
        e->under_way = false;
        o->n_under_way--;
        stall(o);
    }
}

static void send_all(struct outbox *o)
{
    struct entry *e, *next;
    o->stalled = false;
    DL_FOREACH_SAFE(o->entries, e, next)
    {
        if (o->stalled)
            return;
        send_entry(e);
    }
}

static void add(struct outbox *o, bool finish, const char *account, const char *call,
                const struct outbox_event *event)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e) {
        log_error("call %s of account %s: no memory to report it", call, account);
        return;
    }
    e->outbox = o;
    e->finish = finish;
    e->happened = clock_boot_ms();
    e->code = event->code;
    e->pdd_ms = event->pdd_ms;
    snprintf(e->account, sizeof e->account, "%s", account);
    snprintf(e->call, sizeof e->call, "%s", call);
    snprintf(e->reason, sizeof e->reason, "%s", event->reason);
    snprintf(e->by, sizeof e->by, "%s", event->by);
    snprintf(e->target, sizeof e->target, "%s", event->target);
    snprintf(e->attempts, sizeof e->attempts, "%s", event->attempts);
    snprintf(e->upstream, sizeof e->upstream, "%s", event->upstream);
    DL_APPEND(o->entries, e);
    o->n++;
    if (!o->stalled)
        send_entry(e);
}

int outbox_new(struct outbox **ret, struct store *store, struct timer_wheel *wheel)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (!o)
        return ERR_NOMEM;
    o->store = store;
    o->wheel = wheel;
    *ret = o;
    return ERR_OK;
}

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    timer_stop(o->wheel, &o->retry);
    if (o->n)
        log_error("%zu call events not delivered to Redis", o->n);
    while (o->entries)
        drop(o, o->entries);
    free(o);
}

void outbox_answer(struct outbox *o, const char *account, const char *call,
                   const struct outbox_event *event)
{
    add(o, false, account, call, event);
}

void outbox_finish(struct outbox *o, const char *account, const char *call,
                   const struct outbox_event *event)
{
    add(o, true, account, call, event);
}

void outbox_resume(struct outbox *o)
{
    if (o->n && o->n_under_way == 0)
        send_all(o);
}

size_t outbox_depth(const struct outbox *o)
{
    return o->n;
}
