/* What an invoice says, before it is drawn. */
#ifndef TRUNKLINE_INVOICE_DATA_H
#define TRUNKLINE_INVOICE_DATA_H

#include <stdbool.h>

#include "conf.h"
#include "money.h"
#include "redis.h"
#include "scratch.h"

enum { INVOICE_SUMS = 24, INVOICE_MONTH = 8, INVOICE_BOOKINGS = 5000 };

/* Kinds of ledger lines, as the summary adds them up. */
enum invoice_kind { INVOICE_PAYMENT, INVOICE_FEE, INVOICE_CHARGE, INVOICE_TAX, INVOICE_KINDS };

struct invoice_sum {
    const char *activity;
    enum invoice_kind kind;
    int64_t count;
    money_t amount; /* signed as the ledger: charges are negative */
};

/* A ledger line that is no call. */
struct invoice_booking {
    int64_t ms;
    const char *activity, *note;
    money_t amount;
    struct invoice_booking *next;
};

struct invoice_data {
    struct redis_pool *redis;
    const struct conf *conf;
    struct scratch *mem;
    const char *account, *name;
    char month[INVOICE_MONTH]; /* YYYY-MM */
    int64_t from_ms, to_ms;    /* to_ms is the next month's first moment */
    money_t opening, closing;
    money_t kinds[INVOICE_KINDS];
    money_t calls; /* of kinds[INVOICE_CHARGE], what calls cost; negative */
    struct invoice_sum sums[INVOICE_SUMS];
    size_t sum_n;
    money_t missing; /* calls in the ledger less those that were listed, after drawing */
    struct invoice_booking *bookings, **booking_end;
    size_t booking_n; /* also those that are not kept */
    int decimals;     /* 4 when an amount has parts of a cent */
};

/* Fills in everything from Redis; redis, conf, mem, account are set. Results as invoice_make. */
MUST_CHECK int invoice_read(struct invoice_data *d, const char *month);

/* Draws it. *ret for free(). */
MUST_CHECK int invoice_draw(struct invoice_data *d, char **ret, size_t *ret_n, size_t *ret_pages);

#endif
