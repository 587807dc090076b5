/* The embedded gateway: play money, for accounts of kind sandbox. Cards (any name, any CVV, any
 * expiry to come):
 *
 *   4242424242424242   approved
 *   5555555555554444   approved
 *   4000000000000002   declined: do not honor
 *   4000000000009995   declined: insufficient funds
 *   4000000000000069   declined: expired card
 *   4000000000000119   approved after three seconds
 *   4000000000000341   charged, but the connection drops before the answer
 *
 * Any other card is declined, so that nobody mistakes it for a real one. Its memory of keys is in
 * Redis: it outlives trunkd as a real gateway would. */
#include <string.h>
#include <time.h>

#include "gateway.h"
#include "keys.h"
#include "log.h"

static const struct play {
    const char *number, *result, *reason;
    int delay_s;
    bool drops;
} plays[] = {
    {"4242424242424242", "approved", "",                                  0, false},
    {"5555555555554444", "approved", "",                                  0, false},
    {"4000000000000002", "declined", "do not honor",                      0, false},
    {"4000000000009995", "declined", "insufficient funds",                0, false},
    {"4000000000000069", "declined", "expired card",                      0, false},
    {"4000000000000119", "approved", "",                                  3, false},
    {"4000000000000341", "approved", "",                                  0, true },
    {"",                 "declined", "the sandbox takes test cards only", 0, false},
};

static const struct play *find_play(const char *number)
{
    const struct play *p = plays;
    while (*p->number && strcmp(p->number, number) != 0)
        p++;
    return p;
}

/* Reply: ok, result, reference, reason. */
static void read_answer(int err, const struct redisReply *r, struct gateway_answer *ret)
{
    if (err == ERR_REFUSED)
        gateway_answer_set(ret, GATEWAY_ABSENT, "", "not charged");
    else if (err != ERR_OK)
        gateway_answer_set(ret, GATEWAY_UNKNOWN, "", err_text(err));
    else if (strcmp(reply_text(r, 1), "approved") == 0)
        gateway_answer_set(ret, GATEWAY_APPROVED, reply_text(r, 2), "");
    else
        gateway_answer_set(ret, GATEWAY_DECLINED, reply_text(r, 2), reply_text(r, 3));
}

static void remember(const struct gateway *g, const char *key, const char *result,
                     const char *reason, struct gateway_answer *ret)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(g->redis, &r, "sandbox_charge", key_account(g->account).text, key, result,
                          reason, NULL);
    read_answer(err, r, ret);
    reply_free(r);
}

static void charge(const struct gateway *g, const char *key, money_t amount,
                   const struct card *card, struct gateway_answer *ret)
{
    (void)amount;
    const struct play *play = find_play(card->number);
    nanosleep(&(struct timespec){.tv_sec = play->delay_s}, NULL);
    remember(g, key, play->result, play->reason, ret);
    if (play->drops)
        gateway_answer_set(ret, GATEWAY_UNKNOWN, "", "the connection was dropped");
}

static void lookup(const struct gateway *g, const char *key, struct gateway_answer *ret)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(g->redis, &r, "sandbox_get", key_account(g->account).text, key, NULL);
    read_answer(err, r, ret);
    reply_free(r);
}

static void refund(const struct gateway *g, const char *key, money_t amount, const char *reference,
                   struct gateway_answer *ret)
{
    (void)amount;
    (void)reference;
    remember(g, key, "approved", "", ret);
}

const struct gateway_adapter gateway_sandbox = {"sandbox", charge, lookup, refund};
