/* get_lnp_orders. */
#include <stdlib.h>

#include "op_order.h"
#include "port_terms.h"
#include "reply.h"
#include "stock.h"

enum { FIRST_PAIR = 2 };

static const char *field(const struct redisReply *r, const char *name)
{
    return reply_field(r, FIRST_PAIR, name);
}

static void show_time(struct op *op, const char *key, const struct redisReply *r, const char *name)
{
    answer_time(op->answer, key, strtoll(field(r, name), NULL, 10));
}

/* Reply of port_get: ok, pairs, field, value…, number, state… */
static int show_numbers(struct op *op, const struct redisReply *r)
{
    struct stock stock = {0};
    int err = stock_read(r, FIRST_PAIR + 2 * (size_t)reply_int(r, 1, 0), op->mem, &stock);
    answer_list(op->answer, "numbers");
    for (size_t i = 0; i < stock.count; i++)
        answer_text(op->answer, NULL, stock.numbers[i].number);
    answer_close(op->answer);
    return err;
}

/* In the document's order. The PIN and account at the losing carrier stay with us. */
static void show_subscriber(struct op *op, const struct redisReply *r)
{
    static const struct port_detail rows[] = {
        {"subscriberType",      "subscriber_type"},
        {"subscriberFirstName", "first_name"     },
        {"subscriberLastName",  "last_name"      },
        {"addressHouseNumber",  "house_number"   },
        {"addressStreetName",   "street_name"    },
        {"addressStreetSuffix", "street_suffix"  },
        {"addressCity",         "city"           },
        {"addressStateCode",    "state"          },
        {"addressZip",          "zip"            },
        {"losingCarrierName",   "losing_carrier" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        answer_text(op->answer, rows[i].param, field(r, rows[i].field));
}

static int show_link(struct op *op, const char *key, const char *name)
{
    const char *path = scratch_printf(op->mem, "/uploads/%s", name);
    const char *link = path ? op_link(op, path) : NULL;
    if (!link)
        return ERR_NOMEM;
    answer_text(op->answer, key, link);
    return ERR_OK;
}

static void show_progress(struct op *op, const struct redisReply *r)
{
    const char *reason = field(r, "reason");
    answer_text(op->answer, "processingStatus", field(r, "processing"));
    answer_text(op->answer, "reasonCode", reason);
    answer_text(op->answer, "reason", port_reason_text(reason));
    answer_text(op->answer, "respOrgId", field(r, "resporg"));
}

static int show_fields(struct op *op, const char *id, const struct redisReply *r)
{
    struct answer *a = op->answer;
    answer_text(a, "orderno", id);
    answer_text(a, "accountno", op->account);
    op_order_fields(op, r, "status");
    show_time(op, "requestedFocDate", r, "requested");
    show_time(op, "actualFocDate", r, "foc");
    answer_text(a, "billingNumber", scratch_printf(op->mem, "+1%s", field(r, "billing_number")));
    answer_text(a, "loaAuthorizingPerson", field(r, "authorized_by"));
    int err = show_numbers(op, r);
    show_subscriber(op, r);
    show_time(op, "lastModifiedDate", r, "modified");
    answer_text(a, "lastModifiedBy", field(r, "modified_by"));
    answer_bool(a, "immediately", strcmp(field(r, "immediately"), "1") == 0);
    answer_bool(a, "triggered", strcmp(field(r, "triggered"), "1") == 0);
    if (err == ERR_OK)
        err = show_link(op, "loa", field(r, "loa"));
    if (err == ERR_OK)
        err = show_link(op, "carrier_doc", field(r, "carrier_doc"));
    show_progress(op, r);
    return err;
}

/* One that is not there is left out. */
static int show_order(struct op *op, const char *id)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(op->redis, &r, "port_get", op->account_key.text, id, NULL);
    if (err == ERR_OK) {
        answer_object(op->answer, NULL);
        err = show_fields(op, id, r);
        answer_close(op->answer);
    }
    reply_free(r);
    return err == ERR_REFUSED ? ERR_OK : err;
}

static int show_all(struct op *op)
{
    struct redisReply *ids = NULL;
    int err = redis_fcall_ro(op->redis, &ids, "port_list", op->account_key.text, NULL);
    if (err == ERR_OK) {
        struct op_page page = op_page(op, reply_count(ids) - 1, 0);
        answer_list(op->answer, "Orders");
        for (size_t i = page.from; i < page.to && err == ERR_OK; i++)
            err = show_order(op, reply_text(ids, 1 + i));
        answer_close(op->answer);
    }
    reply_free(ids);
    return err;
}

int op_port_list(struct op *op)
{
    if (!op_arg(op, "orderId")->set)
        return show_all(op);
    answer_list(op->answer, "Orders");
    int err = show_order(op, op_text(op, "orderId"));
    answer_close(op->answer);
    return err;
}
