/* Who charges cards: one interface, several adapters. Every charge and refund carries a key of
 * ours; a gateway that sees a key again answers as it did and does nothing twice. An outcome that
 * stays unknown is asked for by its key. */
#ifndef TRUNKLINE_GATEWAY_H
#define TRUNKLINE_GATEWAY_H

#include "card.h"
#include "conf.h"
#include "money.h"
#include "redis.h"

typedef __typeof__(((struct conf *)0)->payment) gateway_settings;

enum { GATEWAY_REFERENCE = 80, GATEWAY_REASON = 120, GATEWAY_KEY = 64 };

enum gateway_result {
    GATEWAY_APPROVED,
    GATEWAY_DECLINED,
    GATEWAY_ABSENT,  /* the gateway has done nothing: it was never asked, or knows no such key */
    GATEWAY_UNKNOWN, /* it may have */
};

struct gateway_answer {
    enum gateway_result result;
    char reference[GATEWAY_REFERENCE]; /* the gateway's own name of the charge */
    char reason[GATEWAY_REASON];       /* of what is not approved, for people */
};

struct gateway {
    const struct gateway_adapter *adapter;
    const gateway_settings *settings;
    struct redis_pool *redis; /* of the sandbox */
    const char *account;
};

struct gateway_adapter {
    const char *name;
    void (*charge)(const struct gateway *g, const char *key, money_t amount,
                   const struct card *card, struct gateway_answer *ret);
    void (*lookup)(const struct gateway *g, const char *key, struct gateway_answer *ret);
    void (*refund)(const struct gateway *g, const char *key, money_t amount, const char *reference,
                   struct gateway_answer *ret);
};

extern const struct gateway_adapter gateway_sandbox, gateway_http;

/* The adapter of that name; NULL: none ("none"). */
const struct gateway_adapter *gateway_find(const char *name);

void gateway_answer_set(struct gateway_answer *a, enum gateway_result result, const char *reference,
                        const char *reason);

#endif
