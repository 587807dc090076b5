/* The invoice of an account's month as a PDF: figures from the ledger and the statistics, made
 * byte for byte the same when it is made again. */
#ifndef TRUNKLINE_INVOICE_H
#define TRUNKLINE_INVOICE_H

#include "conf.h"
#include "money.h"
#include "redis.h"
#include "scratch.h"

struct invoice_place {
    const char *file; /* name in the files folder, in mem */
    money_t charges, payments, balance;
    size_t pages;
};

/* Makes and stores the invoice of "YYYY-MM" and enters it. ERR_INVALID: no month; ERR_RANGE: it is
 * not over, or the account is younger; ERR_REFUSED: no such account; ERR_SYSTEM: errno tells. */
MUST_CHECK int invoice_make(struct redis_pool *redis, const struct conf *conf, struct scratch *mem,
                            const char *account, const char *month, struct invoice_place *ret);

#endif
