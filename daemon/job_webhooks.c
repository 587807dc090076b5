/* Webhooks' events go to their receivers: many webhooks at once, each one's events in their order.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "clock.h"
#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "reply.h"
#include "tally.h"
#include "webhook.h"
#include "webhook_http.h"

enum {
    SCAN_MS = 500,  /* between looks at all webhooks */
    WAIT_MS = 100,  /* between looks whether the program stops */
    RUN_MS = 10000, /* nothing new is begun in a run after so long */
    ACCOUNT_MAX = 64,
    ID_MAX = 32,
    ENTRY_MAX = 48,
};

/* One event on its way. */
struct parcel {
    char account[ACCOUNT_MAX], hook[ID_MAX], entry[ENTRY_MAX];
    int64_t tries; /* that failed before */
    struct parcel *next;
};

struct courier {
    struct job_run *run;
    const webhook_settings *settings;
    struct webhook_http *http;
    struct parcel *parcels; /* under way */
    int64_t until_ms;
};

static bool under_way(const struct courier *c, const char *account, const char *hook)
{
    const struct parcel *p = c->parcels;
    while (p && (strcmp(p->account, account) != 0 || strcmp(p->hook, hook) != 0))
        p = p->next;
    return p != NULL;
}

static void forget(struct courier *c, struct parcel *parcel)
{
    struct parcel **at = &c->parcels;
    while (*at && *at != parcel)
        at = &(*at)->next;
    if (*at)
        *at = parcel->next;
    free(parcel);
}

/* ---- Sending ---- */

static int post(struct courier *c, const struct table *t, size_t row, struct parcel *p)
{
    struct scratch mem = {0};
    char signature[WEBHOOK_SIGNATURE];
    const struct webhook_event e = {
        .account = p->account,
        .number = table_text(t, row, "event"),
        .type = table_text(t, row, "type"),
        .data = table_text(t, row, "data"),
        .at_ms = table_int(t, row, "at", 0),
    };
    const char *body = webhook_body(&mem, &e), *id = webhook_id(&mem, &e);
    int err = ERR_NOMEM;
    if (body && id) {
        webhook_sign(table_text(t, row, "secret"), table_text(t, row, "previous"), time(NULL), body,
                     signature);
        err = webhook_http_post(c->http,
                                &(struct webhook_post){.url = table_text(t, row, "url"),
                                                       .event = e.type,
                                                       .id = id,
                                                       .signature = signature,
                                                       .body = body},
                                p);
    }
    scratch_clear(&mem);
    return err;
}

static int begin(struct courier *c, const char *account, const struct table *t, size_t row)
{
    struct parcel *p = calloc(1, sizeof(*p));
    if (!p)
        return ERR_NOMEM;
    p->tries = table_int(t, row, "tries", 0);
    bool named = span_copy(span_of(account), p->account, sizeof(p->account)) &&
                 span_copy(span_of(table_text(t, row, "hook")), p->hook, sizeof(p->hook)) &&
                 span_copy(span_of(table_text(t, row, "entry")), p->entry, sizeof(p->entry));
    int err = named ? post(c, t, row, p) : ERR_TOO_LARGE;
    if (err != ERR_OK)
        free(p);
    if (err == ERR_TOO_LARGE) { /* keeps no other from its turn */
        log_error("webhook %s of account %s: a name is too long", table_text(t, row, "hook"),
                  account);
        return ERR_OK;
    }
    if (err != ERR_OK)
        return err;
    p->next = c->parcels;
    c->parcels = p;
    return ERR_OK;
}

/* Begins what a reply of hook_due names and is not under way, as far as there is room. */
static int take_due(struct job_run *run, void *arg, const char *account, const struct redisReply *r)
{
    struct courier *c = arg;
    struct table t;
    (void)run;
    int err = table_open(r, 1, &t);
    for (size_t row = 0; err == ERR_OK && row < t.rows; row++) {
        bool room = webhook_http_active(c->http) < (size_t)c->settings->parallel;
        if (room && !under_way(c, account, table_text(&t, row, "hook")))
            err = begin(c, account, &t, row);
    }
    return err;
}

/* Looks at all webhooks; every account comes first in its turn. */
static int scan(struct courier *c)
{
    static const char *const none[] = {NULL};
    struct scratch mem = {0};
    struct job_run run = *c->run;
    struct job_names accounts;
    unsigned turn = 0;
    run.mem = &mem; /* a run is long */
    int err = job_index(&run, KEY_HOOKS, &accounts);
    if (err == ERR_OK && accounts.count > 0 && getrandom(&turn, sizeof(turn), 0) > 0) {
        size_t first = turn % accounts.count;
        const struct job_names parts[] = {
            {accounts.items + first, accounts.count - first},
            {accounts.items,         first                 },
        };
        for (size_t i = 0; i < 2 && err == ERR_OK; i++)
            err = job_each_account(&run, &parts[i], "hook_due", true, none, take_due, c);
    }
    scratch_clear(&mem);
    return err;
}

/* ---- What became of it ---- */

/* Doubles from try to try; a random part keeps receivers that come back from being overrun. */
static int64_t pause_after(const webhook_settings *s, int64_t tries)
{
    int64_t pause = s->pause_ms, most = s->pause_most_s * 1000;
    uint32_t random = 0;
    for (int64_t i = 0; i < tries && pause < most; i++)
        pause *= 2;
    if (pause > most)
        pause = most;
    if (getrandom(&random, sizeof(random), 0) < 0)
        random = 0;
    return pause - random % (pause / 2 + 1);
}

static int tell_done(struct courier *c, const struct parcel *p)
{
    struct redisReply *r = NULL;
    tally_delivery(service_tally(c->run->service), TALLY_ARRIVED);
    int err = redis_fcall(c->run->redis, &r, "hook_done", key_account(p->account).text, p->hook,
                          p->entry, NULL);
    reply_free(r);
    return err;
}

static int tell_failed(struct courier *c, const struct parcel *p, const char *failure)
{
    char tries[24], most[24], pause[24];
    struct redisReply *r = NULL;
    snprintf(tries, sizeof(tries), "%" PRId64, p->tries);
    snprintf(most, sizeof(most), "%" PRId64, c->settings->tries);
    snprintf(pause, sizeof(pause), "%" PRId64, pause_after(c->settings, p->tries));
    int err = redis_fcall(c->run->redis, &r, "hook_fail", key_account(p->account).text, p->hook,
                          p->entry, tries, most, pause, failure, NULL);
    bool dead = strcmp(reply_text(r, 1), "dead") == 0;
    tally_delivery(service_tally(c->run->service), dead ? TALLY_DEAD : TALLY_REFUSED);
    if (err == ERR_OK)
        log_info("webhook %s of account %s: %s; the event %s", p->hook, p->account, failure,
                 dead ? "is dead" : "waits");
    reply_free(r);
    return err;
}

/* The next event of the webhook follows at once. */
static int begin_next(struct courier *c, const char *account, const char *hook)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(c->run->redis, &r, "hook_due", key_account(account).text, hook, NULL);
    if (err == ERR_OK)
        err = take_due(c->run, c, account, r);
    reply_free(r);
    return err;
}

static int settle(struct courier *c, const struct webhook_result *result)
{
    struct parcel *p = result->arg;
    const struct parcel was = *p;
    int err = result->arrived ? tell_done(c, p) : tell_failed(c, p, result->failure);
    forget(c, p);
    if (err == ERR_REFUSED) /* the webhook was removed */
        return ERR_OK;
    if (err == ERR_OK && result->arrived && clock_boot_ms() < c->until_ms)
        err = begin_next(c, was.account, was.hook);
    return err;
}

/* ---- A run ---- */

static int deliver(struct courier *c)
{
    struct webhook_result result;
    int64_t scan_ms = 0;
    int err = ERR_OK;
    do {
        int64_t now_ms = clock_boot_ms();
        if (now_ms >= scan_ms && now_ms < c->until_ms) {
            err = scan(c);
            scan_ms = now_ms + SCAN_MS;
        }
        if (err == ERR_OK && webhook_http_active(c->http) > 0)
            err = webhook_http_wait(c->http, WAIT_MS);
        while (err == ERR_OK && webhook_http_take(c->http, &result))
            err = settle(c, &result);
    } while (err == ERR_OK && webhook_http_active(c->http) > 0 && job_goes_on(c->run));
    return err;
}

int job_webhooks(struct job_run *run)
{
    struct courier c = {
        .run = run,
        .settings = &service_conf(run->service)->webhook,
        .until_ms = clock_boot_ms() + RUN_MS,
    };
    int err = webhook_http_open(&c.http, c.settings);
    if (err == ERR_OK)
        err = deliver(&c);
    webhook_http_close(c.http);
    while (c.parcels) /* broken off: they come again */
        forget(&c, c.parcels);
    return err;
}
