/* operator add, list, revoke: who may look at the ops page. A token is shown once. */
#include <stdlib.h>

#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "secret.h"

enum { TOKEN_BYTES = 32, TOKEN_TEXT = 2 * TOKEN_BYTES + 1, HASH_SHOWN = 12, DAY_MS = 86400000 };

static const struct refusal refusals[] = {
    {"exists",   "LABEL: there is such an operator already"   },
    {"limit",    "there are 100 operators already; revoke one"},
    {"notfound", "LABEL: no such operator"                    },
    {NULL,       NULL                                         },
};

static const struct column list_columns[] = {
    {"label",   ROWS_TEXT, false, NULL},
    {"hash",    ROWS_TEXT, false, NULL},
    {"allow",   ROWS_TEXT, false, NULL},
    {"created", ROWS_TIME, false, NULL},
    {"ends",    ROWS_TIME, false, NULL},
    {NULL,      ROWS_TEXT, false, NULL},
};

static struct rows *load(struct ctl *c)
{
    struct redisReply *reply;
    if (!ctl_read(c, refusals, &reply, "operator_list", KEY_OPS, NULL))
        return NULL;
    struct rows *rows = ctl_rows_new(list_columns);
    ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    return rows;
}

static int print_token(const struct ctl *c, const char *label, const char *days, const char *token)
{
    static const struct column columns[] = {
        {"label", ROWS_TEXT,  false, NULL},
        {"days",  ROWS_COUNT, false, NULL},
        {"token", ROWS_TEXT,  false, NULL},
        {NULL,    ROWS_TEXT,  false, NULL},
    };
    struct rows *rows = ctl_rows_new(columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "label", label);
    ctl_rows_set(rows, "days", days);
    ctl_rows_set(rows, "token", token);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

int ctl_operator_add(struct ctl *c, const struct args *a)
{
    char token[TOKEN_TEXT], hash[SECRET_SHA256_HEX];
    const char *label = ctl_args_text(a, "LABEL"), *days = ctl_args_text(a, "--days");
    if (secret_random_hex(TOKEN_BYTES, token) < 0)
        return ctl_fail("no random numbers");
    secret_sha256_hex(span_of(token), hash);
    char *life = ctl_format("%lld", strtoll(days, NULL, 10) * DAY_MS);
    bool done = ctl_call(c, refusals, NULL, "operator_add", KEY_OPS, hash, label, life,
                         ctl_args_text(a, "--allow"), NULL);
    free(life);
    return done ? print_token(c, label, days, token) : CTL_FAILED;
}

int ctl_operator_list(struct ctl *c, const struct args *a)
{
    (void)a;
    struct rows *rows = load(c);
    if (!rows)
        return CTL_FAILED;
    for (size_t i = 0; i < ctl_rows_count(rows); i++)
        ctl_rows_cut(rows, i, "hash", HASH_SHOWN);
    return ctl_rows_print(rows, ROWS_LIST, c->json);
}

int ctl_operator_revoke(struct ctl *c, const struct args *a)
{
    const char *wanted = ctl_args_text(a, "LABEL");
    struct rows *rows = load(c);
    size_t row = 0;
    if (!rows)
        return CTL_FAILED;
    while (row < ctl_rows_count(rows) && strcmp(ctl_rows_get(rows, row, "label"), wanted) != 0)
        row++;
    bool found = row < ctl_rows_count(rows);
    if (!found)
        ctl_fail("LABEL: no such operator");
    if (!found || !ctl_call(c, refusals, NULL, "operator_revoke", KEY_OPS,
                            ctl_rows_get(rows, row, "hash"), NULL)) {
        ctl_rows_free(rows);
        return CTL_FAILED;
    }
    ctl_rows_keep(rows, row);
    ctl_rows_cut(rows, 0, "hash", HASH_SHOWN);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}
