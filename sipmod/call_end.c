#include "call_priv.h"

#include <stdlib.h>

#include "clock.h"
#include "lease.h"
#include "log.h"
#include "refusal.h"
#include "text.h"

/* ---- bookings ---- */

struct booking *call_add_booking(struct call *c, const char *account, const char *number,
                                 const char *upstream)
{
    struct booking *b = &c->bookings[c->n_bookings];
    rr_call_id(c->id, c->n_bookings++, b->id.call);
    b->attempts_from = strlen(c->targets.attempts);
    text_set(b->id.account, sizeof b->id.account, account);
    text_set(b->number, sizeof b->number, number);
    text_set(b->upstream, sizeof b->upstream, upstream);
    return b;
}

struct booking *call_last_booking(struct call *c)
{
    return &c->bookings[c->n_bookings - 1];
}

const struct booking *call_booking_of(const struct call *c, const struct target *t)
{
    return &c->bookings[t->n_bookings - 1];
}

size_t call_first_number(const struct call *c)
{
    return c->bookings[0].outbound ? 1 : 0;
}

int64_t call_longest(const struct call *c, size_t n)
{
    int64_t s = c->bookings[0].longest_s;
    for (size_t i = 1; i < n; i++)
        s = c->bookings[i].longest_s < s ? c->bookings[i].longest_s : s;
    return s;
}

/* ---- ends ---- */

/* 0 says that nothing rang, so a callee on this machine rings after one. */
static int64_t post_dial_delay(const struct call *c)
{
    int64_t ms = c->rang - c->invited;
    return !c->rang ? 0 : ms > 0 ? ms : 1;
}

/* What Redis must know of the call as it stands. */
static struct outbox_event event_now(const struct call *c, const struct booking *b, int code,
                                     const char *reason, const char *by)
{
    const struct target *t = c->current;
    const char *attempts = c->targets.attempts + b->attempts_from;
    bool led = t && b <= call_booking_of(c, t);
    return (struct outbox_event){.code = code,
                                 .reason = reason,
                                 .by = by,
                                 .target = led ? t->place : "",
                                 .attempts = attempts + (*attempts == ' '),
                                 .upstream = led && b == call_booking_of(c, t) ? t->gateway : "",
                                 .pdd_ms = post_dial_delay(c)};
}

void call_drop_place(struct call *c, struct target *t)
{
    const struct rr_booking *b = &call_booking_of(c, t)->id;
    if (t->placed)
        lease_drop(c->core, t->gateway, b->account, b->call);
    t->placed = false;
}

/* Gives back all places at gateways but that of a target. */
static void drop_places(struct call *c, const struct target *but)
{
    for (size_t i = 0; i < c->targets.n; i++) {
        if (c->targets.list[i] != but)
            call_drop_place(c, c->targets.list[i]);
    }
}

void call_end_bookings(struct call *c, size_t first, int code, const char *reason, const char *by)
{
    for (size_t i = first; i < c->n_bookings; i++) {
        struct outbox_event event = event_now(c, &c->bookings[i], code, reason, by);
        booking_finish(c->core, &c->bookings[i], &event);
    }
}

/* The call is over before it was answered. */
static void finish(struct call *c, int code, const char *reason, const char *by)
{
    if (c->ended)
        return;
    c->ended = true;
    drop_places(c, NULL);
    meter_unanswered(c->core->meter, reason);
    call_end_bookings(c, 0, code, reason, by);
}

void call_respond(struct call *c, int status, struct span lines, const char *reason, const char *by)
{
    if (relay_is_cancelled(c->relay)) {
        relay_respond(c->relay, 487, NULL, (struct span){0});
        finish(c, 487, "cancelled", "caller");
        return;
    }
    relay_respond(c->relay, status, NULL, lines);
    finish(c, status, reason, by);
}

void call_refuse(struct call *c, int status, const char *reason, const char *text,
                 int64_t retry_after_s)
{
    char lines[REFUSAL_LINES];
    call_respond(c, status, refusal_lines(status, reason, text, retry_after_s, lines), reason,
                 "system");
}

void call_refuse_unavailable(struct call *c, const char *text)
{
    call_refuse(c, 503, "overload", text, c->core->conf->sip.retry_after_s);
}

/* ---- events of the relay ---- */

static void on_ringing(void *user, const struct msg *response)
{
    struct call *c = user;
    (void)response;
    if (!c->rang)
        c->rang = clock_boot_ms();
}

/* A call that Redis has closed meanwhile (we were silent too long) must not come up uncounted. */
static void disown(struct call *c)
{
    log_warn("call %s: answered after it was closed", c->id);
    drop_places(c, NULL);
    call_end_bookings(c, 0, 500, "lost", "system");
    (void)dialogs_end(c->core->dialogs, c->id);
    relay_disown(c->relay, 500);
}

static void on_stamped(void *arg, bool live)
{
    struct call *c = arg;
    bool held = c->held;
    c->gone |= !live;
    if (--c->unstamped > 0)
        return;
    c->held = false;
    if (c->gone)
        disown(c);
    else if (held)
        relay_release(c->relay);
}

/* The 2xx goes back once the answer is safe: no call is up that isn't counted, even if we die. */
static bool on_answered(void *user, const struct msg *response, size_t number)
{
    struct call *c = user;
    if (c->answered)
        return c->held;
    const struct target *t = call_settle(c, number);
    c->answered = true;
    c->ended = true; /* from here on the dialog's BYE ends it */
    c->current = t;
    if (!c->rang)
        c->rang = clock_boot_ms();
    targets_note(&c->targets, t->place, response->status);
    struct rr rr = call_rr(c, t);
    char display_text[CALL_DISPLAY];
    struct out display = OUT_IN(display_text);
    meter_answered(c->core->meter, c->bookings[0].outbound, post_dial_delay(c));
    drop_places(c, t);
    call_end_bookings(c, t->n_bookings, 487, "cancelled", "caller");
    dialogs_confirm(c->core->dialogs, &rr, span_of(c->contact), response,
                    call_longest(c, t->n_bookings));
    dialogs_show(c->core->dialogs, response, call_display(c, &display));
    dialogs_session(c->core->dialogs, response, relay_session_s(c->relay, response));
    c->unstamped = t->n_bookings;
    for (size_t i = 0; i < t->n_bookings; i++) {
        struct outbox_event event = event_now(c, &c->bookings[i], response->status, "answered", "");
        booking_answer(c->core, &c->bookings[i], &event, on_stamped, c);
    }
    c->held = c->unstamped > 0;
    return c->held;
}

/* The next target has its turn after no answer, 408 and server failures only. */
static bool on_refused(void *user, int status)
{
    struct call *c = user;
    targets_note(&c->targets, c->current->place, status);
    if ((status == 408 || status == 503) && call_try_next_address(c))
        return true;
    if (!call_is_retried(status) || c->targets.next == c->targets.n)
        return false;
    call_try_next(c);
    return true;
}

static void on_failed(void *user, int status, bool by_target)
{
    struct call *c = user;
    bool cancelled = relay_is_cancelled(c->relay);
    finish(c, status, cancelled ? "cancelled" : refusal_reason(status),
           cancelled   ? "caller"
           : by_target ? "callee"
                       : "system");
}

static void on_ended(void *user)
{
    struct call *c = user;
    if (c->held)
        outbox_forget(c->core->outbox, c);
    finish(c, 500, "lost", "system");
    free(c->contact);
    targets_clear(&c->targets);
    free(c);
}

const struct relay_events call_relay_events = {on_ringing, on_answered, on_refused,
                                               NULL,       on_failed,   on_ended};
