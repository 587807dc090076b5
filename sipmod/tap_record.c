#include "tap_record.h"

#include <stdlib.h>
#include <utlist.h>

#include "booking.h"
#include "keys.h"
#include "log.h"
#include "text.h"

enum { AGAIN_MS = 250, HOUR_MS = 3600000 };

struct record {
    struct record *prev, *next;
    struct tap_records *records;
    struct tap_cdr cdr;
    bool outbound;
    char call[RR_CALL], account[RR_ACCOUNT], upstream[DIRECTORY_NAME];
    char callee[RR_ACCOUNT]; /* outbound: whose number was dialled, if it is one of ours */
    struct routes_exit exit;
};

struct tap_records {
    struct tap_records_needs needs;
    uv_timer_t again;
    struct record *queue; /* not asked about yet, or to be asked about again */
    size_t asked, waiting;
    bool pumping, stalled;
};

int tap_records_new(struct tap_records **ret, const struct tap_records_needs *needs)
{
    struct tap_records *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->needs = *needs;
    uv_timer_init(needs->loop, &r->again);
    r->again.data = r;
    *ret = r;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void tap_records_free(struct tap_records *r)
{
    struct record *record, *next;
    if (!r)
        return;
    DL_FOREACH_SAFE(r->queue, record, next)
    {
        free(record);
    }
    uv_close((uv_handle_t *)&r->again, on_closed);
}

size_t tap_records_waiting(const struct tap_records *r)
{
    return r->waiting;
}

/* ---- ends of a record ---- */

static void pump(struct tap_records *r);

static void done(struct record *record, enum tap_counter counter)
{
    struct tap_records *r = record->records;
    tap_count_add(r->needs.count, counter, 1);
    if (counter != TAP_UNKNOWN)
        tap_count_add(r->needs.count, TAP_KNOWN, 1);
    free(record);
    r->asked--;
    r->waiting--;
    pump(r);
    r->needs.fewer(r->needs.arg);
}

static void on_again(uv_timer_t *timer)
{
    struct tap_records *r = timer->data;
    r->stalled = false;
    pump(r);
}

/* Redis didn't say: everything is asked again, a moment later. */
static void try_again(struct record *record)
{
    struct tap_records *r = record->records;
    r->asked--;
    r->stalled = true;
    DL_PREPEND(r->queue, record);
    uv_timer_start(&r->again, on_again, AGAIN_MS, 0);
}

/* ---- writing ---- */

static void write_record(struct record *record);

/* The same call as the callee's account has it. */
static void turn_to_callee(struct record *record)
{
    struct phone phone;
    record->outbound = false;
    rr_call_id(record->cdr.id, 1, record->call);
    text_set(record->account, sizeof record->account, record->callee);
    text_set(record->upstream, sizeof record->upstream, BOOKING_ONNET);
    if (phone_parse(span_of(record->cdr.number), &phone) == ERR_OK)
        text_set(record->cdr.number, sizeof record->cdr.number, phone.digits);
}

static void on_written(void *arg, const struct redisReply *reply, int err)
{
    struct record *record = arg;
    struct tap_count *count = record->records->needs.count;
    int result = err == ERR_OK ? reply_check(reply) : err;
    bool repeated = result == ERR_REFUSED && strcmp(reply_word(reply), "repeat") == 0;
    if (result == ERR_UNAVAILABLE || result == ERR_TIMEOUT) {
        try_again(record);
        return;
    }
    if (result != ERR_OK && !repeated) {
        log_error("call %s of account %s not recorded: %s", record->call, record->account,
                  err_text(result));
        done(record, TAP_FAILED);
        return;
    }
    if (result == ERR_OK)
        tap_count_add(count, TAP_BILLED, reply_int(reply, 1, 0));
    if (record->outbound && record->callee[0] && record->cdr.led) {
        tap_count_add(count, repeated ? TAP_REPEATED : TAP_WRITTEN, 1);
        turn_to_callee(record);
        write_record(record);
        return;
    }
    done(record, repeated ? TAP_REPEATED : TAP_WRITTEN);
}

static int64_t ms(int64_t us)
{
    return us / 1000;
}

/* 0 says that nothing rang, so a callee on this machine rings after one. */
static int64_t post_dial_delay(const struct tap_cdr *c)
{
    int64_t delay = ms(c->rang_us) - ms(c->invite_us);
    return !c->rang_us ? 0 : delay > 0 ? delay : 1;
}

static void write_record(struct record *record)
{
    const struct tap_records_needs *needs = &record->records->needs;
    const struct tap_cdr *c = &record->cdr;
    char invite[TEXT_NUMBER], pdd[TEXT_NUMBER], answer[TEXT_NUMBER], end[TEXT_NUMBER],
        code[TEXT_NUMBER], keep[TEXT_NUMBER], most[TEXT_NUMBER];
    bool out = record->outbound, rated = out && record->exit.rated;
    const char *args[] = {
        record->call,
        out ? "out" : "in",
        c->number,
        out ? c->source.tg : "",
        store_node(needs->store),
        c->from,
        c->to,
        record->upstream,
        c->place,
        c->target,
        c->callid,
        text_number(ms(c->invite_us), invite),
        text_number(post_dial_delay(c), pdd),
        c->answer_us ? text_number(ms(c->answer_us), answer) : "",
        text_number(ms(c->end_us), end),
        text_number(c->code, code),
        c->reason,
        c->by,
        c->attempts,
        rated ? record->exit.rate : "0",
        rated ? record->exit.increment : "1",
        rated ? record->exit.minimum : "0",
        c->estimated ? "1" : "",
        out && record->callee[0] ? "1" : "",
        text_number(needs->conf->tap.keep_hours * HOUR_MS, keep),
        text_number(needs->conf->tap.keep_most, most),
    };
    if (store_report(needs->store, on_written, record, "tap_record",
                     key_account(record->account).text, sizeof args / sizeof *args, args) != ERR_OK)
        try_again(record);
}

/* ---- asking ---- */

/* A number of ours that forwards leads the call to a gateway. */
static void name_forwarding(struct record *record)
{
    const struct tap_cdr *c = &record->cdr;
    const struct gateway *g = c->diverted
                                  ? directory_gateway_at(record->records->needs.directory,
                                                         &c->target_addr, span_of(c->target_host))
                                  : NULL;
    if (g)
        text_set(record->upstream, sizeof record->upstream, g->name);
}

static void on_owner(void *arg, int err, const char *account, bool cached)
{
    struct record *record = arg;
    (void)cached;
    if (err == ERR_NOT_FOUND) {
        done(record, TAP_UNKNOWN);
    } else if (err != ERR_OK) {
        try_again(record);
    } else {
        text_set(record->account, sizeof record->account, account);
        name_forwarding(record);
        write_record(record);
    }
}

/* Of the gateways that lead to the number, the one that the call went to. */
static void name_gateway(struct record *record)
{
    const struct tap_cdr *c = &record->cdr;
    for (size_t i = 0; i < record->exit.n && c->led; i++) {
        const struct gateway *g =
            directory_gateway(record->records->needs.directory, span_of(record->exit.gateways[i]));
        if (g && directory_leads_to(g, &c->target_addr, span_of(c->target_host))) {
            text_set(record->upstream, sizeof record->upstream, g->name);
            return;
        }
    }
}

static void on_exit_known(void *arg, int err, const struct routes_exit *exit)
{
    struct record *record = arg;
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        try_again(record);
        return;
    }
    record->exit = *exit;
    if (record->callee[0])
        text_set(record->upstream, sizeof record->upstream, BOOKING_ONNET);
    else
        name_gateway(record);
    write_record(record);
}

static void on_callee(void *arg, int err, const char *account, bool cached)
{
    struct record *record = arg;
    (void)cached;
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        try_again(record);
        return;
    }
    text_set(record->callee, sizeof record->callee, err == ERR_OK ? account : "");
    routes_exit(record->records->needs.routes, record->account, record->cdr.number, on_exit_known,
                record);
}

static void ask(struct record *record)
{
    struct phone phone;
    struct routes *routes = record->records->needs.routes;
    if (!record->outbound)
        routes_owner(routes, record->cdr.number, true, on_owner, record);
    else if (phone_parse(span_of(record->cdr.number), &phone) == ERR_OK)
        routes_owner(routes, phone.digits, true, on_callee, record);
    else
        on_callee(record, ERR_NOT_FOUND, "", false);
}

/* Answers may come while asking: they leave the next to this loop. */
static void pump(struct tap_records *r)
{
    if (r->pumping)
        return;
    r->pumping = true;
    while (r->queue && r->asked < TAP_RECORDS_ASKED && !r->stalled) {
        struct record *record = r->queue;
        DL_DELETE(r->queue, record);
        r->asked++;
        ask(record);
    }
    r->pumping = false;
}

void tap_records_add(struct tap_records *r, const struct tap_cdr *cdr)
{
    struct record *record = r->waiting < TAP_RECORDS_MAX ? calloc(1, sizeof *record) : NULL;
    if (!record) {
        tap_count_add(r->needs.count, TAP_FAILED, 1);
        return;
    }
    record->records = r;
    record->cdr = *cdr;
    record->outbound = cdr->source.kind == SOURCE_TRUNK;
    rr_call_id(cdr->id, 0, record->call);
    text_set(record->account, sizeof record->account, cdr->source.account);
    text_set(record->upstream, sizeof record->upstream, cdr->source.name);
    r->waiting++;
    DL_APPEND(r->queue, record);
    pump(r);
}
