/* port set, submit, exception, foc, complete, cancel, reject: what the operator does with a port-in
 * order. Each prints the order as it is then. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "ctl_port.h"
#include "ctl_verbs.h"
#include "foc.h"
#include "port_saga.h"
#include "port_terms.h"

static const char operator_name[] = "Operator";

static const struct refusal refusals[] = {
    {"notfound", "ID: no such port order of this account"                },
    {"busy",     "ID: its numbers are being switched right now"          },
    {"resporg",  "--resporg: toll-free numbers need their losing RespOrg"},
    {NULL,       NULL                                                    },
};

static struct key account_of(const struct args *a)
{
    return key_account(ctl_args_text(a, "ACCT"));
}

/* Refusals that name the status the order is at. */
static bool explain_move(const struct redisReply *reply, const char *to)
{
    if (strcmp(reply_word(reply), "move") != 0)
        return false;
    ctl_fail("ID: an order that is %s can't become %s", reply_text(reply, 1), to);
    return true;
}

static bool send_move(struct ctl *c, struct cmd *cmd, const char *to)
{
    struct redisReply *reply = NULL;
    int err = redis_send(c->redis, cmd, &reply);
    cmd_free(cmd);
    if (err != ERR_OK && (err != ERR_REFUSED || !explain_move(reply, to)))
        ctl_explain(c, err, reply, refusals);
    reply_free(reply);
    return err == ERR_OK;
}

static bool move(struct ctl *c, const struct args *a, const char *to, const char *reason,
                 const char *foc)
{
    struct cmd cmd = {0};
    cmd_fcall(&cmd, "port_move", account_of(a).text);
    cmd_text(&cmd, ctl_args_text(a, "ID"));
    cmd_text(&cmd, to);
    cmd_text(&cmd, operator_name);
    cmd_text(&cmd, reason);
    cmd_text(&cmd, ctl_args_text(a, "--note"));
    cmd_text(&cmd, foc);
    return send_move(c, &cmd, to);
}

static void add_field(void *arg, const char *field, const char *value)
{
    struct cmd *cmd = arg;
    cmd_text(cmd, field);
    cmd_text(cmd, value);
}

/* Sets the details that were given; *ret_any tells whether there were some. */
static bool set_details(struct ctl *c, const struct args *a, bool *ret_any)
{
    enum { HEAD = 6 }; /* FCALL, function, 1, key, order, by whom */
    struct cmd cmd = {0};
    cmd_fcall(&cmd, "port_set", account_of(a).text);
    cmd_text(&cmd, ctl_args_text(a, "ID"));
    cmd_text(&cmd, operator_name);
    ctl_args_fields(a, add_field, &cmd);
    *ret_any = cmd.n > HEAD;
    if (*ret_any)
        return send_move(c, &cmd, "another");
    cmd_free(&cmd);
    return true;
}

int ctl_port_set(struct ctl *c, const struct args *a)
{
    bool any;
    if (!set_details(c, a, &any))
        return CTL_FAILED;
    return any ? ctl_port_show(c, a) : ctl_usage("nothing to set");
}

int ctl_port_submit(struct ctl *c, const struct args *a)
{
    bool any;
    if (!set_details(c, a, &any) || !move(c, a, "SUBMITTED", "", ""))
        return CTL_FAILED;
    return ctl_port_show(c, a);
}

static bool reason_known(const char *reason)
{
    return *port_reason_text(reason) != '\0';
}

int ctl_port_except(struct ctl *c, const struct args *a)
{
    const char *reason = ctl_args_text(a, "REASON");
    if (!reason_known(reason))
        return ctl_usage("REASON: no such code: %s; trunkctl port reasons lists them", reason);
    return move(c, a, "EXCEPTION", reason, "") ? ctl_port_show(c, a) : CTL_FAILED;
}

/* ---- The date ---- */

/* CTL_DONE: *ret is what the command line says. */
static int read_date(const struct args *a, int64_t *ret)
{
    struct span text = span_of(ctl_args_text(a, "DATE"));
    if (clock_parse(text, ret) != ERR_OK)
        return ctl_usage("DATE: expected YYYY-MM-DD or YYYY-MM-DD HH:MM:SS");
    if (text.n == sizeof("YYYY-MM-DD") - 1)
        *ret = foc_day_ms(*ret / 86400000);
    return CTL_DONE;
}

static int requested_date(struct ctl *c, const struct args *a, int64_t *ret)
{
    struct redisReply *reply;
    if (!ctl_read(c, ctl_port_unknown, &reply, "port_get", account_of(a).text,
                  ctl_args_text(a, "ID"), NULL))
        return CTL_FAILED;
    *ret = strtoll(reply_field(reply, 2, "requested"), NULL, 10);
    reply_free(reply);
    return CTL_DONE;
}

static int check_date(const struct ctl *c, const struct args *a, int64_t foc_ms)
{
    if (foc_ms < (int64_t)time(NULL) * 1000)
        return ctl_fail("DATE: it has passed; trunkctl port complete switches at once");
    bool closed = !foc_business_day(foc_day(foc_ms), c->conf.policy.port_holidays);
    if (closed && !ctl_args_given(a, "--any-day"))
        return ctl_fail("DATE: a weekend or holiday; --any-day takes it");
    return CTL_DONE;
}

int ctl_port_foc(struct ctl *c, const struct args *a)
{
    int64_t foc_ms = 0;
    char text[24];
    int code = ctl_args_given(a, "DATE") ? read_date(a, &foc_ms) : requested_date(c, a, &foc_ms);
    if (code == CTL_DONE)
        code = check_date(c, a, foc_ms);
    if (code != CTL_DONE)
        return code;
    snprintf(text, sizeof(text), "%" PRId64, foc_ms);
    return move(c, a, "FOC", "", text) ? ctl_port_show(c, a) : CTL_FAILED;
}

/* ---- The end ---- */

static struct saga saga_of(struct ctl *c, const struct args *a, struct scratch *mem)
{
    return (struct saga){.redis = c->redis, .mem = mem, .account = ctl_args_text(a, "ACCT")};
}

static int explain_switch(const struct ctl *c, int err, enum port_switch result)
{
    if (err != ERR_OK)
        return ctl_explain(c, err, NULL, NULL);
    if (result == PORT_IN_SERVICE)
        return ctl_fail("ID: a number is in service here; the order is an EXCEPTION now");
    return ctl_fail("ID: no such port order of this account, or it has no FOC");
}

int ctl_port_complete(struct ctl *c, const struct args *a)
{
    struct scratch mem = {0};
    struct saga saga = saga_of(c, a, &mem);
    enum port_switch result;
    int err = port_saga_switch(&saga, ctl_args_text(a, "ID"), operator_name, true, &result);
    scratch_clear(&mem);
    if (err != ERR_OK || result != PORT_SWITCHED)
        return explain_switch(c, err, result);
    return ctl_port_show(c, a);
}

/* What the saga does not do now, trunkd's job does. */
static int cancel(struct ctl *c, const struct args *a, const char *reason)
{
    struct scratch mem = {0};
    struct saga saga = saga_of(c, a, &mem);
    if (!reason_known(reason))
        return ctl_usage("REASON: no such code: %s; trunkctl port reasons lists them", reason);
    if (!move(c, a, "CANCELLED", reason, ""))
        return CTL_FAILED;
    int err = port_saga_resume(&saga, ctl_args_text(a, "ID"));
    scratch_clear(&mem);
    return err == ERR_OK ? ctl_port_show(c, a) : ctl_explain(c, err, NULL, NULL);
}

int ctl_port_cancel(struct ctl *c, const struct args *a)
{
    return cancel(c, a, ctl_args_text(a, "--reason"));
}

int ctl_port_reject(struct ctl *c, const struct args *a)
{
    return cancel(c, a, ctl_args_text(a, "REASON"));
}
