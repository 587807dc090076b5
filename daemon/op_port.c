/* Port-in orders: check_lnp and generate_lnp_order.
 *
 * An order's numbers are claimed for some minutes first, its documents stored, the order made and
 * paid in one step then, and the claims kept for good: a crash before the order leaves nothing that
 * does not end by itself, one after it is mended by the saga. */
#include <inttypes.h>
#include <time.h>

#include "file.h"
#include "foc.h"
#include "log.h"
#include "op_order.h"
#include "phone.h"
#include "port_check.h"
#include "port_saga.h"
#include "port_terms.h"
#include "reply.h"
#include "upload.h"

enum { CLAIM_MS = 900000 };

struct port_order {
    struct port_number *numbers; /* all that were asked for */
    size_t count, accepted;
    const char *tg, *id, *loa, *carrier_doc;
    int64_t foc_ms;
};

static void count_accepted(struct port_order *o)
{
    o->accepted = 0;
    for (size_t i = 0; i < o->count; i++)
        o->accepted += o->numbers[i].reason == NULL;
}

static int check_numbers(struct op *op, struct port_order *o)
{
    const struct arg *asked = op_arg(op, "numbers");
    o->count = asked->count;
    o->numbers = scratch_array(op->mem, o->count, sizeof(*o->numbers));
    int err = o->numbers ? port_check(op->redis, op->mem, op->policy.tollfree_codes, asked->items,
                                      o->count, o->numbers)
                         : ERR_NOMEM;
    if (err == ERR_OK)
        count_accepted(o);
    return err;
}

static void show_numbers(struct op *op, const char *key, const struct port_order *o, bool accepted)
{
    answer_list(op->answer, key);
    for (size_t i = 0; i < o->count; i++) {
        if ((o->numbers[i].reason == NULL) == accepted)
            answer_text(op->answer, NULL, o->numbers[i].number);
    }
    answer_close(op->answer);
}

static void show_rejected(struct op *op, const char *key, const struct port_order *o)
{
    show_numbers(op, key, o, false);
    answer_list(op->answer, "reasons");
    for (size_t i = 0; i < o->count; i++) {
        if (!o->numbers[i].reason)
            continue;
        answer_object(op->answer, NULL);
        answer_text(op->answer, "number", o->numbers[i].number);
        answer_text(op->answer, "reason", o->numbers[i].reason);
        answer_close(op->answer);
    }
    answer_close(op->answer);
}

int op_port_check(struct op *op)
{
    struct port_order o = {0};
    int err = check_numbers(op, &o);
    if (err != ERR_OK)
        return err;
    show_numbers(op, "accepted", &o, true);
    show_rejected(op, "rejected", &o);
    return ERR_OK;
}

/* ---- What the order says ---- */

static int check_document(struct op *op, const char *param)
{
    const char *refusal = upload_refusal(op_arg(op, param)->file);
    return refusal ? answer_invalid(op->answer, param, refusal) : ERR_OK;
}

/* RespOrg ids: two letters of the organisation, three letters or digits of its unit. */
static int check_resporg(struct op *op)
{
    const char *id = op_text(op, "respOrgId");
    if (!*id)
        return ERR_OK;
    if (strcmp(op_text(op, "category"), "tollfree") != 0)
        return answer_invalid(op->answer, "respOrgId", "of toll-free numbers alone");
    bool letters = id[0] >= 'A' && id[0] <= 'Z' && id[1] >= 'A' && id[1] <= 'Z';
    bool unit = strlen(id) == 5 && strspn(id + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == 3;
    return letters && unit ? ERR_OK
                           : answer_invalid(op->answer, "respOrgId",
                                            "expected two letters and three letters or digits");
}

static const char *verdict_text(const struct op *op, enum foc_verdict verdict)
{
    const char *text = NULL;
    if (verdict == FOC_EARLY)
        text = scratch_printf(op->mem, "earlier than %" PRId64 " business days from now",
                              op->policy.port_minimum_days);
    if (verdict == FOC_LATE)
        text = scratch_printf(op->mem, "later than %" PRId64 " days from now",
                              op->policy.port_maximum_days);
    return text ? text : "a weekend or holiday";
}

/* A date without a time is that day in the East, at the usual hour. */
static int read_foc(struct op *op, struct port_order *o)
{
    const struct arg *wanted = op_arg(op, "requestedFocDate");
    const struct foc_rules rules = {op->policy.port_minimum_days, op->policy.port_maximum_days,
                                    op->policy.port_holidays};
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    if (!wanted->set) {
        o->foc_ms = foc_earliest(&rules, now_ms);
        return ERR_OK;
    }
    bool day_alone = strlen(wanted->text) == sizeof("YYYY-MM-DD") - 1;
    o->foc_ms = day_alone ? foc_day_ms(wanted->number / 86400000) : wanted->number;
    enum foc_verdict verdict = foc_judge(&rules, now_ms, o->foc_ms);
    return verdict == FOC_FINE
               ? ERR_OK
               : answer_invalid(op->answer, "requestedFocDate", verdict_text(op, verdict));
}

/* The trunk group that is named, or the account's first that is active. */
static int find_trunk(struct op *op, struct port_order *o)
{
    struct redisReply *r = NULL;
    struct table t;
    int err = redis_fcall_ro(op->redis, &r, "trunk_list", op->account_key.text, "in",
                             op_text(op, "tg_id"), NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    for (size_t row = 0; err == ERR_OK && row < t.rows && !o->tg; row++) {
        if (op_arg(op, "tg_id")->set || table_int(&t, row, "status", 0) == 1)
            o->tg = scratch_text(op->mem, span_of(table_text(&t, row, "id")));
    }
    if (err == ERR_REFUSED)
        err = answer_invalid(op->answer, "tg_id", "no such trunk group");
    else if (err == ERR_OK && !o->tg)
        err = answer_invalid(op->answer, "tg_id", "define a trunk group first");
    reply_free(r);
    return err;
}

static int refuse_numbers(struct op *op, const struct port_order *o)
{
    return answer_invalid(op->answer, "numbers",
                          scratch_printf(op->mem, "none can be ported in: %s is %s",
                                         o->numbers[0].number, o->numbers[0].reason));
}

/* Numbers of the other category are rejected, too. */
static int accept_numbers(struct op *op, struct port_order *o)
{
    bool tollfree = strcmp(op_text(op, "category"), "tollfree") == 0;
    int err = check_numbers(op, o);
    for (size_t i = 0; err == ERR_OK && i < o->count; i++) {
        if (phone_tollfree(op->policy.tollfree_codes, o->numbers[i].number) != tollfree)
            o->numbers[i].reason = tollfree ? "not toll-free" : "toll-free";
    }
    if (err == ERR_OK)
        count_accepted(o);
    return err == ERR_OK && !o->accepted ? refuse_numbers(op, o) : err;
}

/* ---- The order ---- */

static int claim(struct op *op, const struct saga *s, struct port_order *o)
{
    int err = op_next(op, "order", OP_FIRST_ORDER, &o->id);
    for (size_t i = 0; i < o->count && err == ERR_OK; i++) {
        if (o->numbers[i].reason)
            continue;
        err = port_saga_claim(s, o->numbers[i].number, o->id, CLAIM_MS);
        if (err == ERR_REFUSED) {
            o->numbers[i].reason = port_on_order;
            err = ERR_OK;
        }
    }
    if (err == ERR_OK)
        count_accepted(o);
    return err == ERR_OK && !o->accepted ? refuse_numbers(op, o) : err;
}

static int store(struct op *op, struct port_order *o)
{
    const char *dir = service_conf(op->service)->files.dir;
    int err = upload_store(dir, op_arg(op, "loa_doc")->file, op->mem, &o->loa);
    return err == ERR_OK
               ? upload_store(dir, op_arg(op, "carrier_doc")->file, op->mem, &o->carrier_doc)
               : err;
}

/* Nothing of an order that was refused stays. What can't be undone now ends by itself. */
static void undo(struct op *op, const struct saga *s, const struct port_order *o)
{
    const char *dir = service_conf(op->service)->files.dir;
    int err = ERR_OK;
    for (size_t i = 0; i < o->count && err == ERR_OK; i++) {
        if (!o->numbers[i].reason)
            err = port_saga_drop(s, o->numbers[i].number, o->id);
    }
    if (err != ERR_OK)
        log_warn("port order %s: claims left to end by themselves: %s", o->id, err_text(err));
    if (o->loa)
        file_remove(dir, o->loa);
    if (o->carrier_doc)
        file_remove(dir, o->carrier_doc);
}

static void add_details(struct op *op, const struct port_order *o, struct cmd *c)
{
    const char *billing = op_text(op, "billingNumber");
    for (size_t i = 0; !*billing && i < o->count; i++)
        billing = o->numbers[i].reason ? "" : o->numbers[i].number;
    for (size_t i = 0; i < port_detail_count; i++)
        op_pair(c, port_details[i].field, op_text(op, port_details[i].param));
    op_pair(c, "billing_number", billing);
    op_pair(c, "loa", o->loa);
    op_pair(c, "carrier_doc", o->carrier_doc);
}

static int create(struct op *op, const struct port_order *o, struct redisReply **ret)
{
    struct cmd c = {0};
    cmd_fcall(&c, "port_create", op->account_key.text);
    cmd_text(&c, o->id);
    cmd_text(&c, o->tg);
    cmd_text(&c, op_text(op, "category"));
    cmd_int(&c, o->foc_ms);
    cmd_text(&c, "Customer");
    cmd_int(&c, (int64_t)o->accepted);
    for (size_t i = 0; i < o->count; i++) {
        if (!o->numbers[i].reason)
            op_pair(&c, o->numbers[i].number, o->numbers[i].state);
    }
    add_details(op, o, &c);
    int err = redis_send(op->redis, &c, ret);
    if (err == ERR_REFUSED && strcmp(reply_word(*ret), "insufficient") == 0)
        err = answer_refuse(op->answer, ANSWER_INSUFFICIENT_BALANCE, NULL);
    else if (err == ERR_REFUSED)
        err = answer_invalid(op->answer, "tg_id", "no such trunk group");
    cmd_free(&c);
    return err;
}

static void show_order(struct op *op, const struct port_order *o, const struct redisReply *r)
{
    answer_text(op->answer, "success", "Order Generated Successfully.");
    answer_text(op->answer, "orderNo", o->id);
    op_order_fields(op, r, "orderStatus");
    show_numbers(op, "acceptedTns", o, true);
    show_rejected(op, "rejectedTns", o);
    answer_time(op->answer, "requestedFocDate", o->foc_ms);
    answer_text(op->answer, "processingStatus", reply_field(r, 2, "processing"));
}

/* A time-out of the store may have made the order: its documents stay then. */
static int generate(struct op *op, struct port_order *o)
{
    struct saga saga = op_saga(op);
    struct redisReply *r = NULL;
    int err = claim(op, &saga, o);
    if (err == ERR_OK)
        err = store(op, o);
    bool sent = err == ERR_OK;
    if (err == ERR_OK)
        err = create(op, o, &r);
    if (err != ERR_OK && o->id && (!sent || err == ERR_REFUSED))
        undo(op, &saga, o);
    if (err == ERR_OK)
        err = port_saga_resume(&saga, o->id);
    if (err == ERR_OK)
        show_order(op, o, r);
    reply_free(r);
    return err;
}

int op_port_generate(struct op *op)
{
    struct port_order o = {0};
    int err = check_document(op, "loa_doc");
    if (err == ERR_OK)
        err = check_document(op, "carrier_doc");
    if (err == ERR_OK)
        err = check_resporg(op);
    if (err == ERR_OK)
        err = read_foc(op, &o);
    if (err == ERR_OK)
        err = find_trunk(op, &o);
    if (err == ERR_OK)
        err = accept_numbers(op, &o);
    return err == ERR_OK ? generate(op, &o) : err;
}
