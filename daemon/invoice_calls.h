/* Calls that a month's ledger charged, one by one: from the files of call records, and from Redis
 * what is not in them yet. */
#ifndef TRUNKLINE_INVOICE_CALLS_H
#define TRUNKLINE_INVOICE_CALLS_H

#include "clock.h"
#include "invoice_data.h"

struct invoice_call {
    char when[CLOCK_TEXT]; /* of the answer */
    bool in;
    const char *from, *to;
    int64_t billed; /* seconds */
    money_t rate, amount;
};

typedef void invoice_call_fn(void *arg, const struct invoice_call *call);

/* Memory does not grow with the calls. ERR_SYSTEM: errno tells; ERR_INVALID: a damaged file. */
MUST_CHECK int invoice_calls(const struct invoice_data *d, invoice_call_fn *fn, void *arg);

#endif
