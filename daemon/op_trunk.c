/* Trunk groups for calls to an account's numbers. */
#include "op_trunk.h"

#include "addr.h"
#include "reply.h"

#define PORT_DEFAULT "5060"

int op_trunk_address(struct op *op, const char *param)
{
    const struct arg *arg = op_arg(op, param);
    struct addr a;
    if (!arg->set)
        return ERR_OK;
    if (addr_parse(span_of(arg->text), 0, &a) != ERR_OK || addr_is_unroutable(&a))
        return answer_invalid(op->answer, param, "calls can't be sent to this address");
    if (addr_is_loopback(&a) && !op->policy.loopback_trunks)
        return answer_invalid(op->answer, param, "loopback addresses are not allowed");
    return ERR_OK;
}

int op_trunk_list(struct op *op, const char *kind, const char *param, struct redisReply **ret)
{
    const char *id = param ? op_text(op, param) : "";
    int err = redis_fcall_ro(op->redis, ret, "trunk_list", op->account_key.text, kind, id, NULL);
    if (err == ERR_REFUSED)
        return answer_invalid(op->answer, param, "no such trunk group");
    return err;
}

const char *op_trunk_grant(int64_t asked, int64_t most)
{
    return asked <= most ? NULL : "0";
}

static int check_addresses(struct op *op)
{
    int err = op_trunk_address(op, "primaryTrunk");
    return err == ERR_OK ? op_trunk_address(op, "secondaryTrunk") : err;
}

static int check_sessions(struct op *op)
{
    bool unmetered = strcmp(op_text(op, "billingType"), "Unmetered") == 0;
    if (unmetered && !op_arg(op, "sessions")->set)
        return answer_invalid(op->answer, "sessions", "is required for Unmetered");
    return ERR_OK;
}

/* Calls are forwarded to E.164 digits. */
static const char *forward_digits(struct op *op)
{
    const char *number = op_text(op, "call_forwarding");
    return *number ? scratch_printf(op->mem, "1%s", number) : "";
}

static const char *or_default(const char *text, const char *otherwise)
{
    return *text ? text : otherwise;
}

static void define_fields(struct op *op, struct cmd *c)
{
    const char *asked = op_text(op, "sessions");
    const char *none = op_trunk_grant(op_number(op, "sessions", 0), op->policy.sessions_auto);
    op_pair(c, "kind", "in");
    op_pair(c, "title", op_text(op, "title"));
    op_pair(c, "billing", op_text(op, "billingType"));
    op_pair(c, "req_sessions", asked);
    op_pair(c, "sessions", none ? none : asked);
    op_pair(c, "mou", op_text(op, "mou"));
    op_pair(c, "primary_host", op_text(op, "primaryTrunk"));
    op_pair(c, "primary_port", or_default(op_text(op, "primaryPort"), PORT_DEFAULT));
    op_pair(c, "primary_prefix", op_text(op, "primaryPrefix"));
    op_pair(c, "secondary_host", op_text(op, "secondaryTrunk"));
    op_pair(c, "secondary_port", or_default(op_text(op, "secondaryPort"), PORT_DEFAULT));
    op_pair(c, "secondary_prefix", op_text(op, "secondaryPrefix"));
    op_pair(c, "forward", forward_digits(op));
}

int op_trunk_define(struct op *op)
{
    struct redisReply *r = NULL;
    struct cmd c = {0};
    const char *id = NULL;
    int err = check_addresses(op);
    if (err == ERR_OK)
        err = check_sessions(op);
    if (err == ERR_OK)
        err = op_next(op, "trunk", OP_FIRST_TRUNK, &id);
    if (err != ERR_OK)
        return err;
    cmd_fcall(&c, "trunk_define", op->account_key.text);
    cmd_text(&c, id);
    define_fields(op, &c);
    err = redis_send(op->redis, &c, &r);
    if (err == ERR_OK) {
        answer_text(op->answer, "success", "Trunk group added successfully.");
        answer_text(op->answer, "tg_id", id);
    }
    cmd_free(&c);
    reply_free(r);
    return err;
}

/* A number as it is shown: 10 digits. */
static const char *ten_digits(const char *e164)
{
    return strlen(e164) == 11 && *e164 == '1' ? e164 + 1 : e164;
}

static void show(struct op *op, const struct table *t, size_t row)
{
    struct answer *a = op->answer;
    bool secondary = *table_text(t, row, "secondary_host") != '\0';
    answer_object(a, NULL);
    answer_text(a, "id", table_text(t, row, "id"));
    answer_text(a, "accountno", op->account);
    answer_text(a, "title", table_text(t, row, "title"));
    answer_text(a, "primaryIP", table_text(t, row, "primary_host"));
    answer_text(a, "primaryPort", table_text(t, row, "primary_port"));
    answer_text(a, "prefix_1", table_text(t, row, "primary_prefix"));
    answer_text(a, "secondaryIP", table_text(t, row, "secondary_host"));
    answer_text(a, "secondaryPort", secondary ? table_text(t, row, "secondary_port") : "");
    answer_text(a, "prefix_2", table_text(t, row, "secondary_prefix"));
    answer_time(a, "date", table_int(t, row, "created", 0));
    answer_text(a, "req_sessions", or_default(table_text(t, row, "req_sessions"), "0"));
    answer_text(a, "alloc_sessions", or_default(table_text(t, row, "sessions"), "0"));
    answer_text(a, "status", table_text(t, row, "status"));
    answer_text(a, "billingType", table_text(t, row, "billing"));
    answer_text(a, "mou", table_text(t, row, "mou"));
    answer_text(a, "call_forwarding", ten_digits(table_text(t, row, "forward")));
    answer_close(a);
}

int op_trunk_show(struct op *op, const char *kind, op_trunk_show_fn *show_row)
{
    struct redisReply *r = NULL;
    struct table t;
    int err = op_trunk_list(op, kind, "tg_id", &r);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    if (err == ERR_OK) {
        struct op_page page = op_page(op, t.rows, 0);
        answer_list(op->answer, "data");
        for (size_t row = page.from; row < page.to; row++)
            show_row(op, &t, row);
        answer_close(op->answer);
    }
    reply_free(r);
    return err;
}

int op_trunk_get(struct op *op)
{
    return op_trunk_show(op, "in", show);
}

/* Fields that update_trunk changes; an empty value becomes `cleared`, NULL: can't be cleared. */
static const struct {
    const char *param, *field, *cleared;
} updates[] = {
    {"title",           "title",            NULL        },
    {"primaryTrunk",    "primary_host",     NULL        },
    {"primaryPrefix",   "primary_prefix",   ""          },
    {"primaryPort",     "primary_port",     PORT_DEFAULT},
    {"secondaryTrunk",  "secondary_host",   ""          },
    {"secondaryPrefix", "secondary_prefix", ""          },
    {"secondaryPort",   "secondary_port",   PORT_DEFAULT},
};

static int update_fields(struct op *op, struct cmd *c, size_t *ret_count)
{
    for (size_t i = 0; i < sizeof(updates) / sizeof(*updates); i++) {
        const struct arg *arg = op_arg(op, updates[i].param);
        if (!arg->given)
            continue;
        if (!arg->set && !updates[i].cleared)
            return answer_invalid(op->answer, updates[i].param, "can't be cleared");
        op_pair(c, updates[i].field, arg->set ? arg->text : updates[i].cleared);
        ++*ret_count;
    }
    if (op_arg(op, "call_forwarding")->given) {
        op_pair(c, "forward", forward_digits(op));
        ++*ret_count;
    }
    return ERR_OK;
}

/* Nothing given: only whether the trunk is there. */
static int send_update(struct op *op, const struct cmd *c, size_t count, struct redisReply **ret)
{
    if (!count)
        return op_trunk_list(op, "in", "trunkid", ret);
    int err = redis_send(op->redis, c, ret);
    return err == ERR_REFUSED ? answer_invalid(op->answer, "trunkid", "no such trunk group") : err;
}

int op_trunk_update(struct op *op)
{
    struct redisReply *r = NULL;
    struct cmd c = {0};
    size_t count = 0;
    cmd_fcall(&c, "trunk_update", op->account_key.text);
    cmd_text(&c, op_text(op, "trunkid"));
    cmd_text(&c, "in");
    int err = check_addresses(op);
    if (err == ERR_OK)
        err = update_fields(op, &c, &count);
    if (err == ERR_OK)
        err = send_update(op, &c, count, &r);
    if (err == ERR_OK) {
        answer_text(op->answer, "trunkid", op_text(op, "trunkid"));
        answer_text(op->answer, "success", "Trunk successfully Updated.");
    }
    cmd_free(&c);
    reply_free(r);
    return err;
}
