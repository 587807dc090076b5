#include "invoice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "file.h"
#include "invoice_data.h"
#include "keys.h"

enum { TRIES = 3 };

static int enter(const struct invoice_data *d, const struct invoice_place *p)
{
    struct redisReply *r = NULL;
    char charges[24], payments[24], balance[24];
    snprintf(charges, sizeof(charges), "%" PRId64, p->charges);
    snprintf(payments, sizeof(payments), "%" PRId64, p->payments);
    snprintf(balance, sizeof(balance), "%" PRId64, p->balance);
    int err = redis_fcall(d->redis, &r, "invoice_put", key_account(d->account).text, d->month,
                          p->file, charges, payments, balance, NULL);
    reply_free(r);
    return err;
}

/* A call may move from Redis to the files between the looks at both: then once more. */
static int compose(struct invoice_data *ret, const struct invoice_data *blank, const char *month,
                   char **ret_data, size_t *ret_n, size_t *ret_pages)
{
    int err = ERR_OK;
    for (int i = 0; i < TRIES && err == ERR_OK; i++) {
        free(*ret_data);
        *ret_data = NULL;
        *ret = *blank;
        err = invoice_read(ret, month);
        if (err == ERR_OK)
            err = invoice_draw(ret, ret_data, ret_n, ret_pages);
        if (ret->missing == 0)
            break;
    }
    return err;
}

int invoice_make(struct redis_pool *redis, const struct conf *conf, struct scratch *mem,
                 const char *account, const char *month, struct invoice_place *ret)
{
    char *data = NULL;
    size_t n = 0;
    struct invoice_data d;
    const struct invoice_data blank = {
        .redis = redis, .conf = conf, .mem = mem, .account = account};
    struct invoice_place place = {0};
    int err = compose(&d, &blank, month, &data, &n, &place.pages);
    if (err == ERR_OK) {
        place.file = scratch_printf(mem, "invoices/%s/invoice-%s-%s.pdf", account, account, month);
        err = place.file ? file_store(conf->files.dir, place.file, (struct span){data, n})
                         : ERR_NOMEM;
    }
    place.charges = -(d.kinds[INVOICE_CHARGE] + d.kinds[INVOICE_TAX] + d.kinds[INVOICE_FEE]);
    place.payments = d.kinds[INVOICE_PAYMENT];
    place.balance = d.closing;
    if (err == ERR_OK)
        err = enter(&d, &place);
    if (err == ERR_OK)
        *ret = place;
    free(data);
    return err;
}
