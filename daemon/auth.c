#include "auth.h"

#include <stdlib.h>

#include "clock.h"
#include "network.h"
#include "num.h"
#include "reply.h"
#include "secret.h"

enum { HASH_SHOWN = 12, WHO_BITS_HEX = 16 };

/* Elements of account_auth's reply after ok and status, for each token. */
enum { HASH, LABEL, SCOPES, ALLOW, RATE, BURST, LEFT_MS, COLUMNS };

static int64_t now_us(void)
{
    return clock_boot_us();
}

/* The address, of IPv6 its /64, as a digest (FNV-1a). */
static uint64_t digest_of(const struct addr *a)
{
    uint64_t hash = 14695981039346656037U;
    bool v6 = a->sa.sa_family == AF_INET6;
    const unsigned char *p =
        v6 ? a->v6.sin6_addr.s6_addr : (const unsigned char *)&a->v4.sin_addr.s_addr;
    for (size_t i = 0; i < (v6 ? 8U : 4U); i++)
        hash = (hash ^ p[i]) * 1099511628211U;
    return hash;
}

static struct limit_rule failure_rule(const struct op *op)
{
    const struct conf *conf = service_conf(op->service);
    return (struct limit_rule){conf->http.failure_rate, conf->http.failure_burst};
}

int auth_admit(struct op *op)
{
    struct limit_rule rule = failure_rule(op);
    if (limit_look(service_failure_limit(op->service), digest_of(&op->client.addr), &rule, now_us(),
                   &op->limit))
        return ERR_OK;
    const char *detail =
        scratch_printf(op->mem, "too many refused requests from %s", op->client.text);
    return answer_refuse(op->answer, ANSWER_TOO_MANY, detail);
}

void auth_failed(struct op *op)
{
    struct limit_rule rule = failure_rule(op);
    (void)limit_take(service_failure_limit(op->service), digest_of(&op->client.addr), &rule,
                     now_us(), &op->limit);
}

/* Index of the token's first element; 0: not found. All are compared, so that the time tells
 * nothing about which one came close. */
static size_t token_find(const struct redisReply *r, const char *hash, int64_t age_ms)
{
    size_t found = 0;
    for (size_t i = 2; i + COLUMNS <= reply_count(r); i += COLUMNS) {
        int64_t left_ms = INT64_MAX;
        bool endless = num_parse(reply_span(r, i + LEFT_MS), 0, INT64_MAX, &left_ms) != ERR_OK;
        if (secret_eq(span_of(hash), reply_span(r, i + HASH)) && (endless || left_ms > age_ms))
            found = i;
    }
    return found;
}

static bool has_scope(struct span scopes, const char *wanted)
{
    struct span scope;
    while (span_cut(&scopes, ',', &scope)) {
        if (span_eq(scope, span_of(wanted)) || span_eq(scope, SPAN_LIT("all")))
            return true;
    }
    return false;
}

static int64_t number_or(struct span text, int64_t otherwise)
{
    int64_t n;
    return num_parse(text, 0, INT64_MAX, &n) == ERR_OK ? n : otherwise;
}

/* A token's own rate has a burst of its own, by default a tenth of a minute's requests. */
static struct limit_rule token_rule(const struct op *op, struct span rate, struct span burst)
{
    const struct conf *conf = service_conf(op->service);
    struct limit_rule rule = {conf->http.token_rate, conf->http.token_burst};
    rule.per_minute = number_or(rate, rule.per_minute);
    if (rate.n)
        rule.burst = rule.per_minute / 10 > 0 ? rule.per_minute / 10 : 1;
    rule.burst = number_or(burst, rule.burst);
    return rule;
}

static bool may_take(struct op *op, const char *hash, const struct limit_rule *rule)
{
    char head[WHO_BITS_HEX + 1];
    memcpy(head, hash, WHO_BITS_HEX);
    head[WHO_BITS_HEX] = '\0';
    return limit_take(service_token_limit(op->service), strtoull(head, NULL, 16), rule, now_us(),
                      &op->limit);
}

static int take_rate(struct op *op, const char *hash, const struct limit_rule *rule)
{
    return may_take(op, hash, rule)
               ? ERR_OK
               : answer_refuse(op->answer, ANSWER_TOO_MANY, "over the rate of this token");
}

static int judge_token(struct op *op, const struct redisReply *r, size_t at, const char *hash,
                       const struct endpoint *e)
{
    struct span allow = reply_span(r, at + ALLOW);
    const char *scope = endpoint_scope_text(e->scope);
    op->who = scratch_printf(op->mem, "%s %.*s", reply_text(r, at + LABEL), HASH_SHOWN, hash);
    if (!op->who)
        return ERR_NOMEM;
    if (allow.n && !network_list_holds(allow, &op->client.addr)) {
        const char *detail =
            scratch_printf(op->mem, "the token may not be used from %s", op->client.text);
        return answer_refuse(op->answer, ANSWER_ADDRESS, detail);
    }
    struct limit_rule rule = token_rule(op, reply_span(r, at + RATE), reply_span(r, at + BURST));
    int err = take_rate(op, hash, &rule);
    if (err != ERR_OK || has_scope(reply_span(r, at + SCOPES), scope))
        return err;
    return answer_refuse(op->answer, ANSWER_SCOPE,
                         scratch_printf(op->mem, "the token needs the scope %s", scope));
}

static int judge(struct op *op, const struct auth_record *record, struct span token,
                 const struct endpoint *e)
{
    const struct redisReply *r = auth_record_reply(record);
    secret_sha256_hex(token, op->token);
    size_t at = token_find(r, op->token, auth_record_age_ms(record));
    if (strcmp(reply_text(r, 1), "1") != 0)
        return answer_refuse(op->answer, ANSWER_INVALID_ACCOUNT, NULL);
    if (!at)
        return answer_refuse(op->answer, ANSWER_INVALID_TOKEN, NULL);
    return judge_token(op, r, at, op->token, e);
}

int auth_check(struct op *op, struct span token, const struct endpoint *e)
{
    struct auth_record *record = NULL;
    int err = auth_cache_get(service_auth(op->service), op->redis, op->account,
                             e->access == ENDPOINT_READ, &record);
    if (err == ERR_REFUSED)
        return answer_refuse(op->answer, ANSWER_INVALID_ACCOUNT, NULL);
    if (err != ERR_OK)
        return err;
    err = judge(op, record, token, e);
    auth_record_drop(record);
    return err;
}

bool auth_again(struct op *op, const struct auth_record *record, const char *token,
                const struct endpoint *e)
{
    struct limit_rule failures = failure_rule(op);
    const struct redisReply *r = auth_record_reply(record);
    size_t at = token_find(r, token, auth_record_age_ms(record));
    struct span allow = reply_span(r, at + ALLOW);
    if (!at || strcmp(reply_text(r, 1), "1") != 0 ||
        (allow.n && !network_list_holds(allow, &op->client.addr)) ||
        !has_scope(reply_span(r, at + SCOPES), endpoint_scope_text(e->scope)) ||
        !limit_look(service_failure_limit(op->service), digest_of(&op->client.addr), &failures,
                    now_us(), &op->limit))
        return false;
    struct limit_rule rule = token_rule(op, reply_span(r, at + RATE), reply_span(r, at + BURST));
    return may_take(op, token, &rule);
}
