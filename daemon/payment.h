/* A payment by card: written down as pending, charged at the gateway, booked. A crash at any step
 * is made good by the job, which asks the gateway by the payment's key. */
#ifndef TRUNKLINE_PAYMENT_H
#define TRUNKLINE_PAYMENT_H

#include "gateway.h"
#include "scratch.h"
#include "service.h"

enum payment_state {
    PAYMENT_DONE,
    PAYMENT_DECLINED,
    PAYMENT_PENDING,  /* the gateway has not answered yet; the job will see to it */
    PAYMENT_CONFLICT, /* the Idempotency-Key came with another card or amount before */
};

struct payment_order {
    const char *account;
    const struct gateway_adapter *adapter;
    money_t amount;
    const struct card *card;
    struct span idempotency_key; /* empty: none */
};

struct payment_outcome {
    enum payment_state state;
    const char *id, *reason; /* in mem */
};

/* What of a charge the customer pays as Credit Card Fee, in whole cents. */
money_t payment_fee(const gateway_settings *s, money_t amount);

/* Charges a card once, however often it is called for the same: with the same Idempotency-Key, or
 * without one the same card and amount within payment.repeat_minutes. */
MUST_CHECK int payment_charge(struct service *s, struct scratch *mem,
                              const struct payment_order *order, struct payment_outcome *ret);

/* Goes on with a row of payment_due. */
struct payment_due {
    const char *account;
    const char *id, *refund, *gateway, *key, *reference;
    money_t amount;
    int64_t age_ms;
};
MUST_CHECK int payment_settle(struct service *s, const struct payment_due *due);

#endif
