/* token add, list, rotate, revoke. A token is shown once; the server holds its SHA-256 alone. */
#include <stdlib.h>

#include "ctl_rows.h"
#include "ctl_verbs.h"
#include "secret.h"

enum { TOKEN_BYTES = 32, TOKEN_TEXT = 2 * TOKEN_BYTES + 1, HASH_SHOWN = 12, HOUR_MS = 3600000 };

#define MOST_TOKENS "2" /* one in use, one to change over to */

static const struct refusal refusals[] = {
    {"notfound", "ACCT: no such account"                      },
    {"limit",    "ACCT: has two live tokens; revoke one first"},
    {"exists",   "LABEL: there is such a token already"       },
    {NULL,       NULL                                         },
};

/* Tokens of an account as rows of columns that include hash and label. */
static struct rows *load(struct ctl *c, const struct column *columns, const char *account)
{
    struct redisReply *reply;
    if (!ctl_read(c, refusals, &reply, "token_list", key_account(account).text, NULL))
        return NULL;
    struct rows *rows = ctl_rows_new(columns);
    ctl_rows_add_tables(rows, reply, 1);
    reply_free(reply);
    return rows;
}

static const struct column list_columns[] = {
    {"label",   ROWS_TEXT,  false, NULL},
    {"hash",    ROWS_TEXT,  false, NULL},
    {"scope",   ROWS_TEXT,  false, NULL},
    {"allow",   ROWS_TEXT,  false, NULL},
    {"rate",    ROWS_COUNT, false, NULL},
    {"burst",   ROWS_COUNT, false, NULL},
    {"created", ROWS_TIME,  false, NULL},
    {"ends",    ROWS_TIME,  false, NULL},
    {NULL,      ROWS_TEXT,  false, NULL},
};

/* A label names one token: two of the same could only be revoked together. */
static bool label_free(struct ctl *c, const char *account, const char *label)
{
    struct rows *tokens = load(c, list_columns, account);
    bool taken = !tokens;
    for (size_t i = 0; tokens && i < ctl_rows_count(tokens) && !taken; i++) {
        taken = strcmp(ctl_rows_get(tokens, i, "label"), label) == 0;
        if (taken)
            ctl_fail("--label: the account has a token %s already", label);
    }
    ctl_rows_free(tokens);
    return !taken;
}

static int print_token(struct ctl *c, const struct args *a, const char *label, const char *scope,
                       const char *token)
{
    static const struct column columns[] = {
        {"accountno", ROWS_TEXT, false, NULL},
        {"label",     ROWS_TEXT, false, NULL},
        {"scope",     ROWS_TEXT, false, NULL},
        {"token",     ROWS_TEXT, false, NULL},
        {NULL,        ROWS_TEXT, false, NULL},
    };
    struct rows *rows = ctl_rows_new(columns);
    ctl_rows_add(rows);
    ctl_rows_set(rows, "accountno", ctl_args_text(a, "ACCT"));
    ctl_rows_set(rows, "label", label);
    ctl_rows_set(rows, "scope", scope);
    ctl_rows_set(rows, "token", token);
    return ctl_rows_print(rows, ROWS_ONE, c->json);
}

static bool make_token(char token[TOKEN_TEXT], char hash[SECRET_SHA256_HEX])
{
    if (secret_random_hex(TOKEN_BYTES, token) < 0) {
        ctl_fail("no random numbers");
        return false;
    }
    secret_sha256_hex(span_of(token), hash);
    return true;
}

int ctl_token_add(struct ctl *c, const struct args *a)
{
    char token[TOKEN_TEXT], hash[SECRET_SHA256_HEX];
    const char *account = ctl_args_text(a, "ACCT"), *label = ctl_args_text(a, "--label");
    if (!label_free(c, account, label) || !make_token(token, hash))
        return CTL_FAILED;
    if (!ctl_call(c, refusals, NULL, "token_add", key_account(account).text, hash, label,
                  ctl_args_text(a, "--scope"), MOST_TOKENS, ctl_args_text(a, "--allow"),
                  ctl_args_text(a, "--rate"), ctl_args_text(a, "--burst"), NULL))
        return CTL_FAILED;
    return print_token(c, a, label, ctl_args_text(a, "--scope"), token);
}

int ctl_token_list(struct ctl *c, const struct args *a)
{
    struct rows *rows = load(c, list_columns, ctl_args_text(a, "ACCT"));
    if (!rows)
        return CTL_FAILED;
    for (size_t i = 0; i < ctl_rows_count(rows); i++)
        ctl_rows_cut(rows, i, "hash", HASH_SHOWN);
    return ctl_rows_print(rows, ROWS_LIST, c->json);
}

/* Row of the one token with that label, or whose hash begins so. False after a message. */
static bool find(const struct rows *tokens, const char *wanted, size_t *ret)
{
    size_t matches = 0;
    for (size_t i = 0; i < ctl_rows_count(tokens); i++) {
        bool label = strcmp(ctl_rows_get(tokens, i, "label"), wanted) == 0;
        bool hash = strncmp(ctl_rows_get(tokens, i, "hash"), wanted, strlen(wanted)) == 0;
        if (label || (hash && strlen(wanted) >= HASH_SHOWN)) {
            matches++;
            *ret = i;
        }
    }
    if (matches != 1)
        ctl_fail("LABEL|HASH: %s", matches ? "names more than one token" : "no such token");
    return matches == 1;
}

/* The tokens with the one that LABEL|HASH names; NULL after a message. */
static struct rows *load_named(struct ctl *c, const struct args *a, size_t *ret_row)
{
    struct rows *tokens = load(c, list_columns, ctl_args_text(a, "ACCT"));
    if (tokens && !find(tokens, ctl_args_text(a, "LABEL|HASH"), ret_row)) {
        ctl_rows_free(tokens);
        return NULL;
    }
    return tokens;
}

int ctl_token_rotate(struct ctl *c, const struct args *a)
{
    char token[TOKEN_TEXT], hash[SECRET_SHA256_HEX];
    size_t row;
    struct redisReply *reply = NULL;
    struct rows *tokens = load_named(c, a, &row);
    if (!tokens)
        return CTL_FAILED;
    char *keep_ms =
        ctl_format("%lld", strtoll(ctl_args_text(a, "--keep-hours"), NULL, 10) * HOUR_MS);
    bool done =
        make_token(token, hash) &&
        ctl_call(c, refusals, &reply, "token_rotate", key_account(ctl_args_text(a, "ACCT")).text,
                 ctl_rows_get(tokens, row, "hash"), hash, keep_ms, MOST_TOKENS, NULL);
    free(keep_ms);
    ctl_rows_free(tokens);
    int code =
        done ? print_token(c, a, reply_text(reply, 1), reply_text(reply, 2), token) : CTL_FAILED;
    reply_free(reply);
    return code;
}

int ctl_token_revoke(struct ctl *c, const struct args *a)
{
    const char *account = ctl_args_text(a, "ACCT");
    size_t row;
    struct rows *tokens = load_named(c, a, &row);
    if (!tokens)
        return CTL_FAILED;
    if (!ctl_call(c, refusals, NULL, "token_revoke", key_account(account).text,
                  ctl_rows_get(tokens, row, "hash"), NULL)) {
        ctl_rows_free(tokens);
        return CTL_FAILED;
    }
    ctl_rows_keep(tokens, row);
    ctl_rows_cut(tokens, 0, "hash", HASH_SHOWN);
    return ctl_rows_print(tokens, ROWS_ONE, c->json);
}
