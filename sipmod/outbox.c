#include "outbox.h"

#include <stdlib.h>
#include <utlist.h>

#include "clock.h"
#include "event.h"
#include "keys.h"
#include "log.h"
#include "text.h"

enum {
    RETRY_MS = 250,
    COMPLAIN_MS = 10000,
    UNDER_WAY_MAX = 500,       /* at once, so that none waits long for its reply */
    BATCH_BYTES = 1024 * 1024, /* written to the spool at once */
};
#define AGO_MAX_MS (365 * INT64_C(86400000)) /* longest time that the functions take */

enum kept { IN_MEMORY, BEING_WRITTEN, ON_DISK };

struct entry {
    struct entry *next, *prev;
    struct outbox *outbox;
    struct event event;
    bool under_way;
    bool replayed; /* came from the spool */
    enum kept kept;
    outbox_done_fn *done;
    void *arg;
};

struct outbox {
    struct store *store;
    struct timer_wheel *wheel;
    struct spool *spool;   /* NULL: none */
    struct entry *entries; /* oldest first */
    struct entry *unsent;  /* first that isn't under way; NULL: none */
    size_t n, n_under_way, n_in_memory, n_replayed;
    uint64_t n_finished;
    bool stalled; /* something failed: all that waits goes again, in order */
    struct timer retry;
    uint64_t complained_ms; /* when the disk's failure was last told; 0: it works */
    char machine[EVENT_MACHINE];
    outbox_replayed_fn *on_replayed;
    void *arg;
};

static void send_all(struct outbox *o);
static void keep(struct outbox *o);

/* ---- entries ---- */

/* Whoever waits for the event goes on. */
static void settle(struct entry *e, bool live)
{
    outbox_done_fn *done = e->done;
    e->done = NULL;
    if (done)
        done(e->arg, live);
}

static void on_cleared(void *arg, int err, const char *reason)
{
    struct outbox *o = arg;
    if (err != ERR_OK)
        log_error("spool %s: can't be emptied: %s", spool_path(o->spool), reason);
    if (o->stalled)
        keep(o);
}

static void drop(struct outbox *o, struct entry *e)
{
    bool replayed = e->replayed;
    if (o->unsent == e)
        o->unsent = e->next;
    DL_DELETE(o->entries, e);
    o->n--;
    o->n_in_memory -= e->kept == IN_MEMORY;
    free(e);
    if (o->spool && o->n == o->n_in_memory && !spool_is_busy(o->spool) && spool_size(o->spool) > 0)
        spool_clear(o->spool, on_cleared, o);
    if (replayed && --o->n_replayed == 0) {
        log_info("spool %s: replayed", spool_path(o->spool));
        o->on_replayed(o->arg);
    }
}

static struct entry *add(struct outbox *o, const struct event *event, enum kept kept)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->outbox = o;
    e->event = *event;
    e->kept = kept;
    DL_APPEND(o->entries, e);
    o->n++;
    o->n_in_memory += kept == IN_MEMORY;
    if (!o->unsent)
        o->unsent = e;
    return e;
}

/* ---- disk ---- */

static void complain(struct outbox *o, const char *reason)
{
    uint64_t now = timer_now(o->wheel);
    if (o->complained_ms && now - o->complained_ms < COMPLAIN_MS)
        return;
    o->complained_ms = now ? now : 1;
    log_error("spool %s: %s: %zu call events are in memory alone", spool_path(o->spool), reason,
              o->n_in_memory);
}

static void on_written(void *arg, int err, const char *reason)
{
    struct outbox *o = arg;
    struct entry *e, *next;
    DL_FOREACH(o->entries, e)
    {
        if (e->kept != BEING_WRITTEN)
            continue;
        e->kept = err == ERR_OK ? ON_DISK : IN_MEMORY;
        o->n_in_memory += err != ERR_OK;
    }
    if (err != ERR_OK)
        complain(o, reason);
    else if (o->complained_ms)
        log_info("spool %s: written again", spool_path(o->spool));
    o->complained_ms = err == ERR_OK ? 0 : o->complained_ms;
    DL_FOREACH_SAFE(o->entries, e, next)
    {
        if (e->kept == ON_DISK || err != ERR_OK)
            settle(e, true);
    }
    if (err == ERR_OK && o->stalled)
        keep(o);
}

/* The lines of entries that are in memory alone, malloc'ed; `becomes`: what they are from now on.
 * Returns their length, 0 when there are none. */
static size_t write_lines(struct outbox *o, enum kept becomes, char **ret)
{
    size_t n = 0;
    char *bytes = o->n_in_memory ? malloc(BATCH_BYTES) : NULL;
    struct entry *e;
    if (!bytes)
        return 0;
    DL_FOREACH(o->entries, e)
    {
        if (e->kept != IN_MEMORY)
            continue;
        if (n + EVENT_LINE > BATCH_BYTES)
            break;
        n += event_write(&e->event, o->machine, bytes + n);
        e->kept = becomes;
        o->n_in_memory--;
    }
    *ret = bytes;
    return n;
}

/* Brings to disk what only memory has. */
static void keep(struct outbox *o)
{
    struct entry *e, *next;
    char *bytes;
    if (!o->spool) {
        DL_FOREACH_SAFE(o->entries, e, next)
        {
            settle(e, true);
        }
        return;
    }
    if (spool_is_busy(o->spool))
        return; /* its callback comes here again */
    size_t n = write_lines(o, BEING_WRITTEN, &bytes);
    if (n > 0)
        spool_append(o->spool, bytes, n, on_written, o);
}

/* ---- Redis ---- */

static void on_retry(struct timer *timer)
{
    send_all(timer_owner(timer, struct outbox, retry));
}

/* Sending starts again only when nothing is under way, so that order is kept. */
static void stall(struct outbox *o)
{
    o->stalled = true;
    if (o->n_under_way == 0 && !timer_is_set(&o->retry))
        timer_set(o->wheel, &o->retry, RETRY_MS, on_retry);
    keep(o);
}

static void send_some(struct outbox *o);

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
        o->n_finished += result == ERR_OK && e->event.finish;
        settle(e, result == ERR_OK || e->event.finish);
        drop(o, e);
        break;
    case ERR_PROTOCOL: /* Redis will not like it better the next time */
        log_error("call %s of account %s: Redis refused its %s: %s", e->event.call,
                  e->event.account, e->event.finish ? "end" : "answer", raw_text(reply));
        settle(e, true);
        drop(o, e);
        break;
    default:
        o->stalled = true;
        break;
    }
    if (o->stalled)
        stall(o);
    else
        send_some(o);
}

static const char *ago(int64_t boot_ms, char buf[TEXT_NUMBER])
{
    int64_t ms = clock_boot_ms() - boot_ms;
    return text_number(ms < 0 ? 0 : ms > AGO_MAX_MS ? AGO_MAX_MS : ms, buf);
}

static const char *sent(const struct outbox *o, char buf[TEXT_NUMBER])
{
    int64_t ms = store_redis_ms(o->store);
    return ms > 0 ? text_number(ms, buf) : "";
}

static int send_answer(struct entry *e)
{
    const struct event *v = &e->event;
    char ms[TEXT_NUMBER], pdd[TEXT_NUMBER], now[TEXT_NUMBER];
    const char *args[] = {
        v->call,     ago(v->happened, ms), v->target,           text_number(v->pdd_ms, pdd),
        v->attempts, v->upstream,          sent(e->outbox, now)};
    return store_report(e->outbox->store, on_reply, e, "call_answer", key_account(v->account).text,
                        sizeof args / sizeof *args, args);
}

static int send_finish(struct entry *e)
{
    const struct event *v = &e->event;
    char code[TEXT_NUMBER], pdd[TEXT_NUMBER], ended[TEXT_NUMBER], now[TEXT_NUMBER];
    const char *args[] = {v->call,
                          text_number(v->code, code),
                          v->reason,
                          v->by,
                          v->target,
                          v->attempts,
                          v->upstream,
                          v->pdd_ms ? text_number(v->pdd_ms, pdd)
                                    : "", /* else as stamped by its answer */
                          "",
                          ago(v->happened, ended),
                          v->estimated ? "1" : "",
                          sent(e->outbox, now)};
    return store_report(e->outbox->store, on_reply, e, "call_finish", key_account(v->account).text,
                        sizeof args / sizeof *args, args);
}

static void send_entry(struct entry *e)
{
    struct outbox *o = e->outbox;
    e->under_way = true;
    o->n_under_way++;
    if ((e->event.finish ? send_finish(e) : send_answer(e)) != ERR_OK) {
        e->under_way = false;
        o->n_under_way--;
        o->stalled = true;
    }
}

static void send_some(struct outbox *o)
{
    while (!o->stalled && o->unsent && o->n_under_way < UNDER_WAY_MAX) {
        struct entry *e = o->unsent;
        o->unsent = e->next;
        send_entry(e);
    }
    if (o->stalled)
        stall(o);
}

/* A retry that is left standing would send again what is under way, and its entry be dropped twice.
 */
static void send_all(struct outbox *o)
{
    timer_stop(o->wheel, &o->retry);
    o->stalled = false;
    o->unsent = o->entries;
    send_some(o);
}

static void put(struct outbox *o, bool finish, const char *account, const char *call,
                const struct outbox_event *event, outbox_done_fn *done, void *arg)
{
    struct event v = {.finish = finish,
                      .code = event->code,
                      .pdd_ms = event->pdd_ms,
                      .happened = clock_boot_ms()};
    text_set(v.account, sizeof v.account, account);
    text_set(v.call, sizeof v.call, call);
    text_set(v.reason, sizeof v.reason, event->reason);
    text_set(v.by, sizeof v.by, event->by);
    text_set(v.target, sizeof v.target, event->target);
    text_set(v.attempts, sizeof v.attempts, event->attempts);
    text_set(v.upstream, sizeof v.upstream, event->upstream);
    struct entry *e = add(o, &v, IN_MEMORY);
    if (!e) {
        log_error("call %s of account %s: no memory to report it", call, account);
        if (done)
            done(arg, true);
        return;
    }
    e->done = done;
    e->arg = arg;
    send_some(o);
}

/* ---- life ---- */

static void on_line(void *arg, struct span line)
{
    struct outbox *o = arg;
    struct event v;
    int err = event_read(line, o->machine, &v);
    if (err != ERR_OK) {
        log_error("spool %s: a damaged line is lost: %.*s", spool_path(o->spool),
                  (int)(line.n < 200 ? line.n : 200), line.p);
        return;
    }
    struct entry *e = add(o, &v, ON_DISK);
    if (!e) {
        log_error("spool %s: no memory for call %s", spool_path(o->spool), v.call);
        return;
    }
    e->replayed = true;
    o->n_replayed++;
}

int outbox_new(struct outbox **ret, struct store *store, struct timer_wheel *wheel,
               struct spool *spool, outbox_replayed_fn *replayed, void *arg)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (!o)
        return ERR_NOMEM;
    *o = (struct outbox){
        .store = store, .wheel = wheel, .spool = spool, .on_replayed = replayed, .arg = arg};
    event_machine(o->machine);
    int err = spool ? spool_read(spool, on_line, o) : ERR_OK;
    if (err != ERR_OK)
        log_error("spool %s: can't be read", spool_path(spool));
    if (o->n)
        log_warn("spool %s: %zu call events to replay", spool_path(spool), o->n);
    *ret = o;
    return ERR_OK;
}

/* The last chance of what only memory has. */
static void save(struct outbox *o)
{
    struct entry *e;
    char *bytes = NULL;
    size_t n;
    bool failed = o->spool && spool_wait(o->spool) != ERR_OK;
    DL_FOREACH(o->entries, e)
    {
        if (failed && e->kept == BEING_WRITTEN) {
            e->kept = IN_MEMORY;
            o->n_in_memory++;
        }
    }
    size_t lost = o->n_in_memory;
    while (o->spool && (n = write_lines(o, ON_DISK, &bytes)) > 0 &&
           spool_append_now(o->spool, (struct span){bytes, n}) == ERR_OK) {
        free(bytes);
        bytes = NULL;
        lost = o->n_in_memory;
    }
    free(bytes);
    if (lost)
        log_error("%zu call events delivered neither to Redis nor to a spool", lost);
}

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    timer_stop(o->wheel, &o->retry);
    save(o);
    struct entry *e, *next;
    DL_FOREACH_SAFE(o->entries, e, next)
    {
        free(e);
    }
    spool_close(o->spool);
    free(o);
}

void outbox_answer(struct outbox *o, const char *account, const char *call,
                   const struct outbox_event *event, outbox_done_fn *done, void *arg)
{
    put(o, false, account, call, event, done, arg);
}

void outbox_finish(struct outbox *o, const char *account, const char *call,
                   const struct outbox_event *event, outbox_done_fn *done, void *arg)
{
    put(o, true, account, call, event, done, arg);
}

void outbox_forget(struct outbox *o, const void *arg)
{
    struct entry *e;
    DL_FOREACH(o->entries, e)
    {
        if (e->arg == arg)
            e->done = NULL;
    }
}

void outbox_resume(struct outbox *o)
{
    if (o->n && o->n_under_way == 0)
        send_all(o);
}

bool outbox_is_replaying(const struct outbox *o)
{
    return o->n_replayed > 0;
}

size_t outbox_depth(const struct outbox *o)
{
    return o->stalled && o->spool ? o->n_in_memory : o->n;
}

struct outbox_counts outbox_counts(const struct outbox *o)
{
    return (struct outbox_counts){.waiting = o->n,
                                  .in_memory = o->n_in_memory,
                                  .spool_bytes = o->spool ? spool_size(o->spool) : 0,
                                  .finished = o->n_finished};
}
