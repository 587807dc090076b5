/* Trunk groups for calls that an account sends. The address `ip:ADDR` is claimed before the trunk
 * is defined and confirmed after it, so that an address never belongs to two trunks. What a crash
 * between the two leaves behind is an address whose trunk is missing or disabled: the next claim
 * takes it. */
#include "log.h"
#include "op_trunk.h"

/* Whether the trunk that has the address is there and enabled. */
static int owner_alive(struct op *op, const struct redisReply *source, bool *ret)
{
    struct redisReply *r = NULL;
    struct table t;
    struct key account = key_account(reply_field(source, 1, "account"));
    const char *tg = reply_field(source, 1, "tg");
    int err = redis_fcall_ro(op->redis, &r, "trunk_list", account.text, "out", tg, NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    if (err == ERR_OK)
        *ret = t.rows > 0 && table_int(&t, 0, "status", 0) == 1;
    if (err == ERR_REFUSED) {
        *ret = false;
        err = ERR_OK;
    }
    reply_free(r);
    return err;
}

/* ERR_REFUSED: another has it. */
static int claim(struct op *op, const char *address, const char *account, const char *tg)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(op->redis, &r, "source_claim", key_source(address).text, "trunk", account,
                          tg, NULL);
    reply_free(r);
    return err;
}

static int release(struct op *op, const char *address, const char *account, const char *tg)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(op->redis, &r, "source_release", key_source(address).text, "trunk",
                          account, tg, NULL);
    reply_free(r);
    return err;
}

/* Frees an address whose trunk is gone. ERR_REFUSED: it has a rightful owner. */
static int release_orphan(struct op *op, const char *address)
{
    struct redisReply *source = NULL;
    bool alive = true;
    int err = redis_fcall_ro(op->redis, &source, "source_get", key_source(address).text, NULL);
    if (err == ERR_OK && strcmp(reply_field(source, 1, "kind"), "trunk") == 0)
        err = owner_alive(op, source, &alive);
    if (err == ERR_OK && !alive) {
        log_warn("source %s: its trunk %s of account %s is gone, the address is free", address,
                 reply_field(source, 1, "tg"), reply_field(source, 1, "account"));
        err = release(op, address, reply_field(source, 1, "account"), reply_field(source, 1, "tg"));
    } else if (err == ERR_OK) {
        err = ERR_REFUSED;
    }
    reply_free(source);
    return err;
}

static int claim_or_refuse(struct op *op, const char *address, const char *tg)
{
    int err = claim(op, address, op->account, tg);
    if (err == ERR_REFUSED && release_orphan(op, address) == ERR_OK)
        err = claim(op, address, op->account, tg);
    if (err == ERR_REFUSED)
        return answer_invalid(op->answer, "ipaddress", "the address is in use");
    return err;
}

static int define(struct op *op, const char *tg, const char *address, const char *cps)
{
    const char *ports = op_text(op, "ports");
    const char *no_ports = op_trunk_grant(op_number(op, "ports", 0), op->policy.ports_auto);
    const char *no_cps =
        op_trunk_grant(op_number(op, "cps", op->policy.cps_default), op->policy.cps_auto);
    struct redisReply *r = NULL;
    struct cmd c = {0};
    cmd_fcall(&c, "trunk_define", op->account_key.text);
    cmd_text(&c, tg);
    op_pair(&c, "kind", "out");
    op_pair(&c, "title", op_text(op, "title"));
    op_pair(&c, "address", address);
    op_pair(&c, "req_sessions", ports);
    op_pair(&c, "sessions", no_ports ? no_ports : ports);
    op_pair(&c, "req_cps", cps);
    op_pair(&c, "cps", no_cps ? no_cps : cps);
    int err = redis_send(op->redis, &c, &r);
    cmd_free(&c);
    reply_free(r);
    return err;
}

static int index_source(struct op *op, const char *function, const char *address)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(op->redis, &r, function, KEY_SOURCES, address, NULL);
    reply_free(r);
    return err;
}

static int disable(struct op *op, const char *tg, struct redisReply **ret)
{
    return redis_fcall(op->redis, ret, "trunk_disable", op->account_key.text, tg, "out", NULL);
}

/* After the definition: whoever took the address for an orphan's in between keeps it. */
static int confirm(struct op *op, const char *address, const char *tg)
{
    struct redisReply *r = NULL;
    int err = claim(op, address, op->account, tg);
    if (err == ERR_OK)
        return index_source(op, "index_add", address);
    if (err != ERR_REFUSED)
        return err;
    err = disable(op, tg, &r);
    reply_free(r);
    return err == ERR_OK ? answer_invalid(op->answer, "ipaddress", "the address is in use") : err;
}

/* Only after a definite failure: after a time-out the trunk may be there. */
static void release_failed(struct op *op, const char *address, const char *tg)
{
    if (release(op, address, op->account, tg) != ERR_OK)
        log_warn("source %s: could not be released after a failed definition", address);
}

int op_term_define(struct op *op)
{
    const char *tg = NULL, *address = op_text(op, "ipaddress");
    const char *cps = op_arg(op, "cps")->set
                          ? op_text(op, "cps")
                          : scratch_printf(op->mem, "%lld", (long long)op->policy.cps_default);
    int err = op_trunk_address(op, "ipaddress");
    if (err == ERR_OK)
        err = op_next(op, "trunk", OP_FIRST_TRUNK, &tg);
    if (err == ERR_OK)
        err = claim_or_refuse(op, address, tg);
    if (err != ERR_OK)
        return err;
    err = define(op, tg, address, cps);
    if (err == ERR_REFUSED || err == ERR_PROTOCOL)
        release_failed(op, address, tg);
    if (err == ERR_OK)
        err = confirm(op, address, tg);
    if (err != ERR_OK)
        return err;
    answer_text(op->answer, "success", "Trunk group added successfully.");
    answer_text(op->answer, "tg_id", tg);
    return ERR_OK;
}

static const char *or_zero(const char *text)
{
    return *text ? text : "0";
}

/* NULL: no memory. */
static char *sheet_link(const struct op *op, const struct table *t, size_t row)
{
    const char *path =
        scratch_printf(op->mem, "/ajax/settings_pdf/%s?account=%s&tg_id=%s",
                       table_text(t, row, "address"), op->account, table_text(t, row, "id"));
    return path ? op_link(op, path) : NULL;
}

static void show(struct op *op, const struct table *t, size_t row)
{
    struct answer *a = op->answer;
    const char *sheet = sheet_link(op, t, row);
    answer_object(a, NULL);
    answer_text(a, "id", table_text(t, row, "id"));
    answer_text(a, "accountno", op->account);
    answer_text(a, "title", table_text(t, row, "title"));
    answer_text(a, "ipaddress", table_text(t, row, "address"));
    answer_text(a, "ports", or_zero(table_text(t, row, "req_sessions")));
    answer_text(a, "cps", or_zero(table_text(t, row, "req_cps")));
    answer_text(a, "ports_assigned", or_zero(table_text(t, row, "sessions")));
    answer_text(a, "cps_assigned", or_zero(table_text(t, row, "cps")));
    answer_text(a, "config", sheet ? sheet : "");
    answer_text(a, "status", table_text(t, row, "status"));
    answer_close(a);
}

int op_term_get(struct op *op)
{
    return op_trunk_show(op, "out", show);
}

/* The index goes first: once the address is free, another may claim and index it. */
static int free_address(struct op *op, const char *address, const char *tg)
{
    int err = index_source(op, "index_remove", address);
    if (err != ERR_OK)
        return err;
    err = release(op, address, op->account, tg);
    return err == ERR_REFUSED ? index_source(op, "index_add", address) : err;
}

int op_term_disable(struct op *op)
{
    struct redisReply *r = NULL;
    const char *tg = op_text(op, "tg_id");
    int err = disable(op, tg, &r);
    if (err == ERR_REFUSED)
        err = answer_invalid(op->answer, "tg_id", "no such trunk group");
    else if (err == ERR_OK && *reply_text(r, 1))
        err = free_address(op, reply_text(r, 1), tg);
    if (err == ERR_OK)
        answer_text(op->answer, "Removed TNs", "Diabled Successfully");
    reply_free(r);
    return err;
}
