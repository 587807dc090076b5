#include "payment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "keys.h"
#include "log.h"
#include "reply.h"
#include "secret.h"

enum {
    DIGEST_BYTES = 4, /* so few that a stolen store leaves thousands of cards for each */
    ONCE_BYTES = 16,
    KEY_BYTES = 16,
    ONCE_TEXT = 2 * ONCE_BYTES + 3,
    KEEP_KEY_MS = 86400000,
    MINUTE_MS = 60000,
    MARGIN_MS = 10000,
    PATIENCE_MS = 5000, /* with a charge that another request has under way */
    POLL_MS = 100,
    DEFER_LEAST_MS = 2000,
    DEFER_MOST_MS = 600000,
    TRIES = 20,
};
#define FIRST_PAYMENT "100001"

money_t payment_fee(const gateway_settings *s, money_t amount)
{
    money_t share = (amount * s->fee_bp + 5000) / 10000;
    money_t fee = (share + s->fee_fixed + MONEY_CENT / 2) / MONEY_CENT * MONEY_CENT;
    return fee < amount ? fee : amount;
}

static struct gateway gateway_of(struct service *s, const char *account,
                                 const struct gateway_adapter *adapter)
{
    return (struct gateway){adapter, &service_conf(s)->payment, service_redis(s), account};
}

/* Longer than a charge with all its tries can take: nobody else touches it before. */
static int64_t lease_ms(const gateway_settings *s)
{
    return (s->tries * 2 + 1) * (s->timeout_ms + 2000) + MARGIN_MS;
}

/* What makes two submissions the same one, as HMAC: of the Idempotency-Key, or of card and amount.
 */
struct once {
    char name[ONCE_TEXT], digest[2 * DIGEST_BYTES + 1];
    int64_t ms;
};

static void fingerprint(const char *secret, const struct payment_order *o, struct once *ret)
{
    char text[512];
    const struct card *c = o->card;
    int n = snprintf(text, sizeof(text), "card\n%s\n%s\n%d\n%d\n%" PRId64, o->account, c->number,
                     c->month, c->year, o->amount);
    secret_hmac_hex(span_of(secret), (struct span){text, (size_t)n}, DIGEST_BYTES, ret->digest);
    explicit_bzero(text, sizeof(text));
}

static void make_once(struct service *s, const struct payment_order *o, struct once *ret)
{
    const char *secret = service_secret(s);
    char text[512], hex[2 * ONCE_BYTES + 1];
    fingerprint(secret, o, ret);
    if (!o->idempotency_key.n) {
        snprintf(ret->name, sizeof(ret->name), "d:%s", ret->digest);
        ret->ms = service_conf(s)->payment.repeat_minutes * MINUTE_MS;
        return;
    }
    int n = snprintf(text, sizeof(text), "payment key\n%s\n%.*s", o->account,
                     (int)(o->idempotency_key.n < 300 ? o->idempotency_key.n : 300),
                     o->idempotency_key.p);
    secret_hmac_hex(span_of(secret), (struct span){text, (size_t)n}, ONCE_BYTES, hex);
    snprintf(ret->name, sizeof(ret->name), "k:%s", hex);
    ret->ms = KEEP_KEY_MS;
}

static int next_id(struct redis_pool *redis, char ret[24])
{
    struct redisReply *r = NULL;
    int err = redis_fcall(redis, &r, "seq_next", key_sequence("payment").text, FIRST_PAYMENT, NULL);
    if (err == ERR_OK)
        snprintf(ret, 24, "P%.20s", reply_text(r, 1));
    reply_free(r);
    return err;
}

/* Under an id that is free: an operator may have taken one for a payment of another kind. */
static int begin(struct service *s, const struct payment_order *o, struct redisReply **ret)
{
    char id[24], funded[24], charges[24], key[2 * KEY_BYTES + 1], keep[24], lease[24];
    const gateway_settings *settings = &service_conf(s)->payment;
    struct once once;
    make_once(s, o, &once);
    snprintf(funded, sizeof(funded), "%" PRId64, o->amount);
    snprintf(charges, sizeof(charges), "%" PRId64, payment_fee(settings, o->amount));
    snprintf(keep, sizeof(keep), "%" PRId64, once.ms);
    snprintf(lease, sizeof(lease), "%" PRId64, lease_ms(settings));
    int err = secret_random_hex(KEY_BYTES, key);
    bool taken = true;
    for (int i = 0; i < TRIES && taken && err == ERR_OK; i++) {
        reply_free(*ret);
        *ret = NULL;
        err = next_id(service_redis(s), id);
        if (err == ERR_OK)
            err = redis_fcall(service_redis(s), ret, "payment_begin", key_account(o->account).text,
                              id, funded, charges, o->adapter->name, key, once.name, once.digest,
                              keep, lease, NULL);
        taken = err == ERR_REFUSED && strcmp(reply_word(*ret), "exists") == 0;
        if (taken)
            err = ERR_OK;
    }
    return taken && err == ERR_OK ? ERR_PROTOCOL : err;
}

/* Writes the gateway's answer down; repeated while Redis is away for a moment. */
static int finish(struct service *s, const char *account, const char *id,
                  const struct gateway_answer *a, bool *ret_done)
{
    struct redisReply *r = NULL;
    int err = ERR_TIMEOUT;
    for (int i = 0; i < 3 && (err == ERR_TIMEOUT || err == ERR_UNAVAILABLE); i++) {
        reply_free(r);
        r = NULL;
        err = redis_fcall(service_redis(s), &r, "payment_finish", key_account(account).text, id,
                          a->result == GATEWAY_APPROVED ? "done" : "failed", a->reference,
                          a->reason, NULL);
    }
    if (err == ERR_OK)
        *ret_done = strcmp(reply_text(r, 2), "done") == 0;
    reply_free(r);
    return err;
}

/* An answer that was lost is asked for by its key. That the gateway knows nothing of it does not
 * settle it yet: the request may still be on its way there. */
static void charge(const struct gateway *g, const struct payment_order *o, const char *key,
                   struct gateway_answer *ret)
{
    g->adapter->charge(g, key, o->amount, o->card, ret);
    if (ret->result != GATEWAY_UNKNOWN)
        return;
    log_warn("payment of account %s: %s; asking the gateway", o->account, ret->reason);
    g->adapter->lookup(g, key, ret);
    if (ret->result == GATEWAY_ABSENT)
        ret->result = GATEWAY_UNKNOWN;
}

static int keep_text(struct scratch *mem, const char *text, const char **ret)
{
    *ret = scratch_text(mem, span_of(text));
    return *ret ? ERR_OK : ERR_NOMEM;
}

static int conclude(struct scratch *mem, enum payment_state state, const char *id,
                    const char *reason, struct payment_outcome *ret)
{
    ret->state = state;
    int err = keep_text(mem, id, &ret->id);
    return err == ERR_OK ? keep_text(mem, reason, &ret->reason) : err;
}

static int charge_new(struct service *s, struct scratch *mem, const struct payment_order *o,
                      const char *id, const char *key, struct payment_outcome *ret)
{
    struct gateway g = gateway_of(s, o->account, o->adapter);
    struct gateway_answer a = {.result = GATEWAY_UNKNOWN};
    bool done = false;
    charge(&g, o, key, &a);
    log_info("payment %s of account %s: %s", id, o->account,
             a.result == GATEWAY_APPROVED   ? "approved"
             : a.result == GATEWAY_DECLINED ? "declined"
             : a.result == GATEWAY_ABSENT   ? "not charged"
                                            : "pending");
    if (a.result == GATEWAY_UNKNOWN)
        return conclude(mem, PAYMENT_PENDING, id, a.reason, ret);
    int err = finish(s, o->account, id, &a, &done);
    if (err == ERR_TIMEOUT || err == ERR_UNAVAILABLE) /* charged; the job books it */
        return conclude(mem, PAYMENT_PENDING, id, "", ret);
    if (err != ERR_OK)
        return err;
    return conclude(mem, done ? PAYMENT_DONE : PAYMENT_DECLINED, id, a.reason, ret);
}

/* Step and reason of a payment. */
static int read_step(struct service *s, struct scratch *mem, const char *account, const char *id,
                     struct payment_outcome *ret)
{
    struct redisReply *r = NULL;
    struct table t;
    int err = redis_fcall_ro(service_redis(s), &r, "payment_list", key_account(account).text, id,
                             "", "", "", NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    if (err == ERR_OK && t.rows) {
        const char *step = table_text(&t, 0, "step");
        enum payment_state state = strcmp(step, "done") == 0      ? PAYMENT_DONE
                                   : strcmp(step, "pending") == 0 ? PAYMENT_PENDING
                                                                  : PAYMENT_DECLINED;
        err = conclude(mem, state, id, table_text(&t, 0, "reason"), ret);
    }
    reply_free(r);
    return err;
}

/* The same submission again: what became of the first. */
static int await(struct service *s, struct scratch *mem, const char *account, const char *id,
                 struct payment_outcome *ret)
{
    int err = read_step(s, mem, account, id, ret);
    for (int waited = 0; err == ERR_OK && ret->state == PAYMENT_PENDING && waited < PATIENCE_MS;
         waited += POLL_MS) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        err = read_step(s, mem, account, id, ret);
    }
    return err;
}

int payment_charge(struct service *s, struct scratch *mem, const struct payment_order *o,
                   struct payment_outcome *ret)
{
    struct redisReply *r = NULL;
    int err = begin(s, o, &r);
    if (err == ERR_REFUSED && strcmp(reply_word(r), "conflict") == 0)
        err = conclude(mem, PAYMENT_CONFLICT, "", "", ret);
    else if (err == ERR_OK && strcmp(reply_text(r, 1), "new") == 0)
        err = charge_new(s, mem, o, reply_text(r, 2), reply_text(r, 5), ret);
    else if (err == ERR_OK)
        err = await(s, mem, o->account, reply_text(r, 2), ret);
    reply_free(r);
    return err;
}

static int defer(struct service *s, const struct payment_due *d)
{
    struct redisReply *r = NULL;
    char ms[24];
    int64_t wait = d->age_ms < DEFER_LEAST_MS  ? DEFER_LEAST_MS
                   : d->age_ms > DEFER_MOST_MS ? DEFER_MOST_MS
                                               : d->age_ms;
    snprintf(ms, sizeof(ms), "%" PRId64, wait);
    int err = redis_fcall(service_redis(s), &r, "payment_defer", key_account(d->account).text,
                          d->id, d->refund, ms, NULL);
    reply_free(r);
    return err;
}

static int settle_refund(struct service *s, const struct gateway *g, const struct payment_due *d)
{
    struct gateway_answer a = {.result = GATEWAY_UNKNOWN};
    struct redisReply *r = NULL;
    char key[GATEWAY_KEY];
    snprintf(key, sizeof(key), "%.32sr%.8s", d->key, d->refund);
    g->adapter->refund(g, key, d->amount, d->reference, &a);
    if (a.result != GATEWAY_APPROVED && a.result != GATEWAY_DECLINED)
        return defer(s, d);
    int err =
        redis_fcall(service_redis(s), &r, "payment_refunded", key_account(d->account).text, d->id,
                    d->refund, a.result == GATEWAY_APPROVED ? "done" : "failed", a.reason, NULL);
    reply_free(r);
    return err;
}

int payment_settle(struct service *s, const struct payment_due *d)
{
    const struct gateway_adapter *adapter = gateway_find(d->gateway);
    struct gateway_answer a = {.result = GATEWAY_UNKNOWN};
    bool done;
    if (!adapter)
        return ERR_INVALID;
    struct gateway g = gateway_of(s, d->account, adapter);
    if (*d->refund)
        return settle_refund(s, &g, d);
    adapter->lookup(&g, d->key, &a);
    return a.result == GATEWAY_UNKNOWN ? defer(s, d) : finish(s, d->account, d->id, &a, &done);
}
