/* make_payment: the one operation that sees a card. */
#include <time.h>

#include "num.h"
#include "op.h"
#include "payment.h"
#include "reply.h"

static const char *text_or_empty(const struct op *op, const char *name)
{
    const struct arg *arg = op_arg(op, name);
    return arg->set ? arg->text : "";
}

/* ERR_REFUSED: a field is bad. */
static int read_card(struct op *op, struct card *ret)
{
    struct card c = {
        .number = op_text(op, "cardnumber"),
        .cvv = op_text(op, "cvv"),
        .month = (int)op_number(op, "expmonth", 0),
        .year = card_year(span_of(op_text(op, "expyear"))),
        .first_name = op_text(op, "firstname"),
        .last_name = op_text(op, "lastname"),
        .address = text_or_empty(op, "address"),
        .address2 = text_or_empty(op, "address2"),
        .city = text_or_empty(op, "city"),
        .state = text_or_empty(op, "state"),
        .zip = text_or_empty(op, "zipcode"),
    };
    if (!card_luhn(span_of(c.number)))
        return answer_invalid(op->answer, "cardnumber", "the check digit is wrong");
    if (!c.year || card_expired(12, c.year, time(NULL)))
        return answer_invalid(op->answer, "expyear", "the card has expired");
    if (card_expired(c.month, c.year, time(NULL)))
        return answer_invalid(op->answer, "expmonth", "the card has expired");
    *ret = c;
    return ERR_OK;
}

/* What was asked for, else the account's top-up. */
static int read_amount(struct op *op, const struct redisReply *account, money_t *ret)
{
    const gateway_settings *s = &service_conf(op->service)->payment;
    const struct arg *arg = op_arg(op, "amount");
    money_t topup = 0, amount;
    struct span text = span_of(reply_field(account, 1, "topup"));
    if (text.n && num_parse(text, 0, INT64_MAX, &topup) != ERR_OK)
        return ERR_PROTOCOL;
    amount = arg->set ? arg->number : topup;
    if (amount == 0)
        return answer_invalid(op->answer, "amount", "the account has no top-up configured");
    if (amount < s->least || amount > s->most || amount % MONEY_CENT != 0) {
        char least[MONEY_TEXT], most[MONEY_TEXT];
        return answer_invalid(op->answer, "amount",
                              scratch_printf(op->mem, "takes whole cents from %s to %s",
                                             money_text(s->least, least),
                                             money_text(s->most, most)));
    }
    *ret = amount;
    return ERR_OK;
}

static int answer_outcome(struct op *op, const struct payment_outcome *o)
{
    switch (o->state) {
    case PAYMENT_DONE:
        answer_text(op->answer, "success", "Payment added successfully.");
        answer_text(op->answer, "referenceno", o->id);
        return ERR_OK;
    case PAYMENT_PENDING:
        return answer_refuse(
            op->answer, ANSWER_PAYMENT_PENDING,
            scratch_printf(op->mem, "get_payments shows the outcome under referenceno %s", o->id));
    case PAYMENT_CONFLICT:
        return answer_refuse(op->answer, ANSWER_PAYMENT_CONFLICT, NULL);
    case PAYMENT_DECLINED:
        break;
    }
    return answer_refuse(op->answer, ANSWER_PAYMENT_DECLINED, o->reason);
}

static int pay(struct op *op, const struct redisReply *account, const struct card *card)
{
    bool sandbox = strcmp(reply_field(account, 1, "kind"), "sandbox") == 0;
    const char *name = sandbox ? "sandbox" : service_conf(op->service)->payment.gateway;
    struct payment_order order = {
        .account = op->account,
        .adapter = gateway_find(name),
        .card = card,
        .idempotency_key = op->http->idempotency_key,
    };
    struct payment_outcome outcome;
    if (!order.adapter)
        return answer_refuse(op->answer, ANSWER_PAYMENT_UNAVAILABLE, NULL);
    int err = read_amount(op, account, &order.amount);
    if (err == ERR_OK)
        err = payment_charge(op->service, op->mem, &order, &outcome);
    return err == ERR_OK ? answer_outcome(op, &outcome) : err;
}

int op_pay(struct op *op)
{
    struct redisReply *account = NULL;
    struct card card;
    int err = read_card(op, &card);
    if (err == ERR_OK)
        err = redis_fcall_ro(op->redis, &account, "account_get", op->account_key.text, NULL);
    if (err == ERR_OK)
        err = pay(op, account, &card);
    reply_free(account);
    return err;
}
