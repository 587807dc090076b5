#include "health.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "branch.h"
#include "log.h"
#include "num.h"
#include "out.h"

enum {
    TARGETS_MAX = 20000,      /* watched at once; calls to others go on unwatched */
    SEEN_MS = 10 * 60 * 1000, /* without a call for so long a target is forgotten */
    IDLE_MS = 10 * 1000,      /* how often a target is looked at that is not probed */
    PROBE_BYTES = 1024,
};

struct target_key {
    unsigned char address[16];
    uint16_t port;
    uint16_t family, protocol;
};

struct target {
    UT_hash_handle hh;
    struct target_key key;
    struct health *health;
    struct flow flow;
    int64_t failures, recoveries; /* in a row */
    bool down;
    const char *why;          /* of its latest change */
    bool answers_probes;      /* it did at least once */
    uint64_t seen_ms;         /* latest call */
    uint64_t back_ms;         /* down: has its turn again then, unless probes say when; 0: none */
    uint64_t rest_ms;         /* asked for no calls until then */
    struct txn_client *probe; /* NULL: none is under way */
    struct timer timer;       /* next probe, or look */
};

struct health {
    const struct conf *conf;
    struct timer_wheel *wheel;
    struct txn_table *txns;
    struct target *targets;
    size_t n_down, changes;
};

static void on_timer(struct timer *timer);

int health_new(struct health **ret, const struct conf *conf, struct timer_wheel *wheel,
               struct txn_table *txns)
{
    struct health *h = calloc(1, sizeof *h);
    if (!h)
        return ERR_NOMEM;
    h->conf = conf;
    h->wheel = wheel;
    h->txns = txns;
    *ret = h;
    return ERR_OK;
}

/* ---- table ---- */

static struct target_key key_of(const struct flow *f)
{
    struct target_key key;
    memset(&key, 0, sizeof key);
    if (f->remote.sa.sa_family == AF_INET6)
        memcpy(key.address, &f->remote.v6.sin6_addr, 16);
    else
        memcpy(key.address, &f->remote.v4.sin_addr, 4);
    key.family = f->remote.sa.sa_family;
    key.port = addr_port(&f->remote);
    key.protocol = (uint16_t)transport_protocol(f->listener);
    return key;
}

static struct target *find(const struct health *h, const struct flow *f)
{
    struct target_key key = key_of(f);
    struct target *t;
    HASH_FIND(hh, h->targets, &key, sizeof key, t);
    return t;
}

static void forget(struct target *t)
{
    struct health *h = t->health;
    HASH_DEL(h->targets, t);
    h->n_down -= t->down;
    timer_stop(h->wheel, &t->timer);
    txn_client_detach(t->probe);
    free(t);
}

void health_free(struct health *h)
{
    if (!h)
        return;
    struct target *t, *next;
    HASH_ITER(hh, h->targets, t, next)
    {
        forget(t);
    }
    free(h);
}

size_t health_count(const struct health *h)
{
    return HASH_COUNT(h->targets);
}

size_t health_down(const struct health *h)
{
    return h->n_down;
}

size_t health_changes(const struct health *h)
{
    return h->changes;
}

void health_list(const struct health *h, size_t most, health_list_fn *fn, void *arg)
{
    size_t left[2] = {most > h->n_down ? most - h->n_down : 0, most}; /* by down */
    char place[ADDR_PORT_TEXT];
    for (const struct target *t = h->targets; t && left[0] + left[1] > 0; t = t->hh.next) {
        if (left[t->down] == 0)
            continue;
        left[t->down]--;
        fn(arg, addr_port_text(&t->flow.remote, place), transport_via_word(t->flow.listener),
           t->down, t->why);
    }
}

static uint64_t interval(const struct health *h)
{
    return h->conf->sip.probe_ms ? (uint64_t)h->conf->sip.probe_ms : IDLE_MS;
}

/* The target with its latest way there; made if need be. NULL: it can't be watched. */
static struct target *watch(struct health *h, const struct flow *f)
{
    struct target *t = find(h, f);
    if (!t && HASH_COUNT(h->targets) >= TARGETS_MAX)
        return NULL;
    if (!t) {
        t = calloc(1, sizeof *t);
        if (!t)
            return NULL;
        t->health = h;
        t->key = key_of(f);
        t->why = "";
        HASH_ADD(hh, h->targets, key, sizeof t->key, t);
        /* Spread out, so that many targets aren't probed in one moment. */
        timer_set(h->wheel, &t->timer, 1 + branch_new_id() % interval(h), on_timer);
    }
    t->flow = *f;
    t->flow.connection = 0;
    t->seen_ms = timer_now(h->wheel);
    return t;
}

/* ---- down and up ---- */

static void put_down(struct target *t, const char *why)
{
    char place[ADDR_PORT_TEXT];
    t->recoveries = 0;
    t->back_ms = timer_now(t->health->wheel) + (uint64_t)t->health->conf->sip.target_rest_s * 1000;
    if (t->down)
        return;
    t->down = true;
    t->why = why;
    t->health->n_down++;
    t->health->changes++;
    log_warn("target %s by %s is down: %s", addr_port_text(&t->flow.remote, place),
             transport_via_word(t->flow.listener), why);
}

static void bring_up(struct target *t, const char *why)
{
    char place[ADDR_PORT_TEXT];
    t->failures = 0;
    t->rest_ms = 0;
    if (!t->down)
        return;
    t->down = false;
    t->why = why;
    t->health->n_down--;
    t->health->changes++;
    log_info("target %s by %s is up: %s", addr_port_text(&t->flow.remote, place),
             transport_via_word(t->flow.listener), why);
}

static void count_failure(struct target *t, const char *why)
{
    t->recoveries = 0;
    if (++t->failures >= t->health->conf->sip.target_failures)
        put_down(t, why);
}

/* Seconds of Retry-After, at most the configured rest; 0: none. A comment or parameters may follow
 * (RFC 3261 §20.33). */
static int64_t retry_after(const struct health *h, const struct msg *response)
{
    const struct header_line *line = msg_header(response, HEADER_RETRY_AFTER);
    size_t n = 0;
    int64_t s;
    if (!line)
        return 0;
    while (n < line->value.n && line->value.p[n] >= '0' && line->value.p[n] <= '9')
        n++;
    if (n == 0)
        return 0;
    int64_t most = h->conf->sip.target_rest_s;
    int err = num_parse((struct span){line->value.p, n}, 0, UINT32_MAX, &s);
    return err != ERR_OK || s > most ? most : s;
}

/* A 503 costs the caller no time, so only one that asks for a rest gets it. */
static void heed_busy(struct target *t, const struct msg *response)
{
    int64_t rest_s = retry_after(t->health, response);
    if (rest_s == 0)
        return;
    uint64_t until = timer_now(t->health->wheel) + (uint64_t)rest_s * 1000;
    put_down(t, "asked for a rest");
    t->rest_ms = until;
    t->back_ms = until;
}

void health_know(struct health *h, const struct flow *target)
{
    (void)watch(h, target);
}

bool health_is_down(struct health *h, const struct flow *target)
{
    struct target *t = find(h, target);
    if (!t)
        return false;
    uint64_t now = timer_now(h->wheel);
    bool probes_tell = t->answers_probes && h->conf->sip.probe_ms && t->rest_ms == 0;
    t->seen_ms = now;
    /* One call's turn: it is down again at the next failure. */
    if (t->down && !probes_tell && now >= t->back_ms) {
        bring_up(t, "its rest is over");
        t->failures = h->conf->sip.target_failures - 1;
    }
    return t->down;
}

void health_heard(struct health *h, const struct flow *target, const struct msg *response)
{
    struct target *t = watch(h, target);
    if (!t)
        return;
    if (response->status == 503)
        heed_busy(t, response);
    else
        bring_up(t, "took a call");
}

void health_failed(struct health *h, const struct flow *target)
{
    struct target *t = watch(h, target);
    if (t)
        count_failure(t, "no answer to calls");
}

/* ---- probes ---- */

static void on_probe_response(void *user, const struct msg *response)
{
    struct target *t = user;
    if (response->status < 200)
        return;
    txn_client_detach(t->probe);
    t->probe = NULL;
    t->answers_probes = true;
    if (response->status == 503 || response->status == 408) {
        count_failure(t, "answers OPTIONS so");
        return;
    }
    bool resting = t->rest_ms > timer_now(t->health->wheel);
    if (!t->down)
        t->failures = 0;
    else if (!resting && ++t->recoveries >= t->health->conf->sip.target_recoveries)
        bring_up(t, "answers OPTIONS");
}

/* Who never answered an OPTIONS may have no use for it, and takes calls nevertheless. */
static void probe_lost(struct target *t)
{
    t->probe = NULL;
    if (t->answers_probes)
        count_failure(t, "no answer to OPTIONS");
}

static void on_probe_failed(void *user, int err)
{
    (void)err;
    probe_lost(user);
}

static void on_probe_ended(void *user)
{
    struct target *t = user;
    t->probe = NULL;
}

static struct span write_probe(const struct target *t, uint64_t id, char buf[PROBE_BYTES])
{
    const struct listener *l = t->flow.listener;
    struct out o = {.buf = buf, .cap = PROBE_BYTES};
    char place[ADDR_PORT_TEXT], branch[BRANCH_TEXT];
    const char *param = transport_uri_param(l);
    struct span us = transport_sent_by(l);
    addr_port_text(&t->flow.remote, place);
    out_format(&o, "OPTIONS sip:%s%s SIP/2.0\r\n", place, param);
    out_format(&o, "Via: SIP/2.0/%s %.*s;branch=%s;rport\r\n", transport_via_word(l), (int)us.n,
               us.p, branch_text(id, 0, branch));
    out_format(&o, "From: <sip:%.*s>;tag=%016llx\r\n", (int)us.n, us.p, (unsigned long long)id);
    out_format(&o, "To: <sip:%s%s>\r\nCall-ID: probe-%016llx\r\n", place, param,
               (unsigned long long)id);
    out_format(&o, "CSeq: 1 OPTIONS\r\nContact: <sip:%.*s%s>\r\nMax-Forwards: 70\r\n", (int)us.n,
               us.p, param);
    out_text(&o, "Accept: application/sdp\r\nContent-Length: 0\r\n\r\n");
    return out_done(&o);
}

static void send_probe(struct target *t)
{
    static const struct txn_client_events events = {on_probe_response, on_probe_failed,
                                                    on_probe_ended};
    char buf[PROBE_BYTES];
    uint64_t id = branch_new_id();
    struct span bytes = write_probe(t, id, buf);
    if (bytes.n == 0 || txn_client_new(t->health->txns, id, METHOD_OPTIONS, &t->flow, bytes,
                                       &events, t, &t->probe) != ERR_OK)
        log_warn("an OPTIONS of ours was not sent");
}

/* An OPTIONS that was not answered until the next one's time is lost. */
static void on_timer(struct timer *timer)
{
    struct target *t = timer_owner(timer, struct target, timer);
    const struct conf *conf = t->health->conf;
    if (timer_now(t->health->wheel) - t->seen_ms > SEEN_MS) {
        forget(t);
        return;
    }
    if (t->probe) {
        txn_client_detach(t->probe);
        probe_lost(t);
    }
    if (conf->sip.probe_ms && (t->down || conf->sip.probe_all))
        send_probe(t);
    timer_set(t->health->wheel, &t->timer, interval(t->health), on_timer);
}
