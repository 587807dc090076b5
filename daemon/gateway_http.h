/* What the http gateway speaks, JSON over HTTPS, below `payment.url`, each request with
 * "Authorization: Bearer TOKEN":
 *
 *   POST /charges            Idempotency-Key: KEY
 *     {"key", "amount": "12.50", "currency": "USD", "card": {"number", "cvv", "exp_month",
 *      "exp_year", "first_name", "last_name", "address", "address2", "city", "state", "zip"}}
 *   GET  /charges/KEY        what became of a key; 404: nothing
 *   POST /refunds            Idempotency-Key: KEY
 *     {"key", "amount": "12.50", "currency": "USD", "charge": REFERENCE}
 *
 * Answers: 200 or 201 {"id": REFERENCE, "status": "approved" | "declined" | "pending", "reason"};
 * 402 the same with "declined". 409, 429 and 5xx may be asked again with the same key; any other
 * 4xx means that nothing was done. A small translator in front speaks a processor's own protocol.
 */
#ifndef TRUNKLINE_GATEWAY_HTTP_H
#define TRUNKLINE_GATEWAY_HTTP_H

#include "gateway.h"

#endif
