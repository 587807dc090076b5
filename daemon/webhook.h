/* What a webhook's receiver gets: a JSON body and the signature that proves where it comes from.
 *
 *   POST URL
 *   Content-Type: application/json
 *   X-Trunkline-Event: order.processed
 *   X-Trunkline-Event-Id: 1000001-17           the same at each try: a receiver takes it once
 *   X-Trunkline-Signature: t=1700000000,v1=HEX[,v1=HEX]
 *
 *   {"id":"1000001-17","type":"order.processed","accountno":"1000001",
 *    "created":"2026-11-23 22:01:07","data":{…}}
 *
 * HEX is HMAC-SHA256 of "t.body" with the webhook's secret; while a secret is being replaced there
 * is one of each. Any 2xx means that the event has arrived. */
#ifndef TRUNKLINE_WEBHOOK_H
#define TRUNKLINE_WEBHOOK_H

#include <stdint.h>

#include "scratch.h"

enum { WEBHOOK_SIGNATURE = 192 };

struct webhook_event {
    const char *account;
    const char *number; /* within the account */
    const char *type;
    const char *data; /* a JSON object */
    int64_t at_ms;
};

/* The event's id; NULL: no memory. */
char *webhook_id(struct scratch *mem, const struct webhook_event *e);

/* The body; NULL: no memory. */
char *webhook_body(struct scratch *mem, const struct webhook_event *e);

/* Value of X-Trunkline-Signature. previous: the secret before, or "". */
void webhook_sign(const char *secret, const char *previous, int64_t now_s, const char *body,
                  char ret[WEBHOOK_SIGNATURE]);

#endif
