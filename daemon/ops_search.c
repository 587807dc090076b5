#include "ops_search.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "ops_trace.h"
#include "reply.h"
#include "request.h"

/* Calls wait while Redis looks: for a few milliseconds a step, and half of the time not at all. */
enum { BATCH = 4, FOUND_MOST = 50, SEARCH_MS = 2500, TEXT_MAX = 200 };
#define LOOK_AT "50" /* calls of an account in one step */

/* What is looked for. */
struct quest {
    const char *text, *account, *trunk; /* "": any */
    bool one;                           /* the first that is found will do */
};

/* How far an account has been looked through. */
struct course {
    const char *account;
    const char *where; /* "live", then "cdr"; NULL: all has been seen */
    const char *place;
};

struct search {
    struct op *op;
    struct quest quest;
    struct course *courses;
    size_t course_n;
    json_t *calls;
    int64_t until_ms;
};

/* ---- parameters ---- */

static const char *param(struct op *op, const char *name)
{
    struct request r = {.mem = op->mem};
    const char *value = "";
    int err = request_add_query(&r, op->http->query);
    for (size_t i = 0; err == ERR_OK && i < r.n; i++) {
        if (span_eq(r.params[i].name, span_of(name)) && r.params[i].flaw == REQUEST_FINE &&
            r.params[i].value.n <= TEXT_MAX)
            value = scratch_text(op->mem, span_trim(r.params[i].value));
    }
    return value ? value : "";
}

/* One word: what a Call-ID, a number or a name can be. */
static bool is_word(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    }
    return true;
}

static bool is_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool is_account(struct op *op, const char *name, int *ret_err)
{
    struct redisReply *r = NULL;
    if (!is_digits(name))
        return false;
    int err = redis_fcall_ro(op->redis, &r, "account_get", key_account(name).text, NULL);
    reply_free(r);
    if (err != ERR_OK && err != ERR_REFUSED)
        *ret_err = err;
    return err == ERR_OK;
}

/* "ACCT", "ACCT/TRUNK", or a text. */
static int read_quest(struct op *op, const char *text, struct quest *ret)
{
    int err = ERR_OK;
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    const char *head = scratch_text(op->mem, (struct span){text, n});
    if (!head)
        return ERR_NOMEM;
    *ret = (struct quest){text, "", "", false};
    if (slash && !is_digits(slash + 1))
        return ERR_OK;
    if (is_account(op, head, &err))
        *ret = (struct quest){"", head, slash ? slash + 1 : "", false};
    return err;
}

/* ---- looking ---- */

static int add_course(struct search *s, const char *account)
{
    for (size_t i = 0; i < s->course_n; i++) {
        if (strcmp(s->courses[i].account, account) == 0)
            return ERR_OK;
    }
    const char *name = scratch_text(s->op->mem, span_of(account));
    s->courses[s->course_n++] = (struct course){name, "live", ""};
    return name ? ERR_OK : ERR_NOMEM;
}

/* Whose number it is goes first. */
static int add_owner(struct search *s)
{
    struct redisReply *r = NULL;
    size_t n = strlen(s->quest.text);
    const char *number = n == 11 ? s->quest.text + 1 : s->quest.text;
    if (!is_digits(number) || strlen(number) != 10)
        return ERR_OK;
    int err = redis_fcall_ro(s->op->redis, &r, "did_route", key_did(number).text, NULL);
    if (err == ERR_OK)
        err = add_course(s, reply_text(r, 1));
    reply_free(r);
    return err == ERR_REFUSED ? ERR_OK : err;
}

static int plan(struct search *s)
{
    struct redisReply *r = NULL;
    int err = redis_fcall_ro(s->op->redis, &r, "index_list", KEY_ACCOUNTS, NULL);
    size_t n = err == ERR_OK ? reply_count(r) - 1 : 0;
    if (err == ERR_OK)
        s->courses = scratch_array(s->op->mem, n + 2, sizeof(*s->courses));
    if (err == ERR_OK && !s->courses)
        err = ERR_NOMEM;
    if (err == ERR_OK && s->quest.account[0]) {
        err = add_course(s, s->quest.account);
        n = 0;
    } else if (err == ERR_OK) {
        err = add_owner(s);
    }
    size_t owners = s->course_n;
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        const char *name = reply_text(r, i + 1);
        if (owners && strcmp(s->courses[0].account, name) == 0)
            continue;
        char *copy = scratch_text(s->op->mem, span_of(name));
        s->courses[s->course_n++] = (struct course){copy, "live", ""};
        err = copy ? ERR_OK : ERR_NOMEM;
    }
    reply_free(r);
    return err;
}

/* A row as it is, every field a text; what is no UTF-8 is left out. */
static json_t *call_of(const struct table *t, size_t row, const struct course *c)
{
    json_t *call = json_pack("{s:s s:b}", "account", c->account, "live", c->where[0] == 'l');
    for (size_t i = 0; call && i < t->columns; i++) {
        const char *column = reply_text(t->reply, t->at + i);
        json_t *value = json_string(table_text(t, row, column));
        json_object_set_new(call, column, value ? value : json_string(""));
    }
    return call;
}

/* A call may end between two steps: it is found live, and then as a CDR. */
static bool is_known(const struct search *s, const char *account, const char *call)
{
    json_t *known;
    size_t i;
    json_array_foreach(s->calls, i, known)
    {
        if (strcmp(json_string_value(json_object_get(known, "call")), call) == 0 &&
            strcmp(json_string_value(json_object_get(known, "account")), account) == 0)
            return true;
    }
    return false;
}

static int take(struct search *s, struct course *c, const struct redisReply *r)
{
    struct table t;
    int err = reply_check(r);
    if (err == ERR_OK)
        err = table_open(r, 2, &t);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < t.rows && json_array_size(s->calls) < FOUND_MOST; i++) {
        if (!is_known(s, c->account, table_text(&t, i, "call")))
            json_array_append_new(s->calls, call_of(&t, i, c));
    }
    c->place = scratch_text(s->op->mem, reply_span(r, 1));
    if (c->place && !c->place[0])
        c->where = c->where[0] == 'l' ? "cdr" : NULL;
    return c->place ? ERR_OK : ERR_NOMEM;
}

static bool is_enough(const struct search *s)
{
    size_t n = json_array_size(s->calls);
    return n >= FOUND_MOST || (s->quest.one && n > 0) || clock_boot_ms() > s->until_ms;
}

static void rest(int64_t us)
{
    const struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

/* One step of up to BATCH accounts. */
static int step(struct search *s, struct course *const courses[], size_t n)
{
    struct cmd cmds[BATCH] = {0};
    struct redisReply *replies[BATCH] = {0};
    for (size_t i = 0; i < n; i++) {
        cmd_fcall_ro(&cmds[i], "call_find", key_account(courses[i]->account).text);
        cmd_text(&cmds[i], courses[i]->where);
        cmd_text(&cmds[i], s->quest.text);
        cmd_text(&cmds[i], s->quest.trunk);
        cmd_text(&cmds[i], courses[i]->place);
        cmd_text(&cmds[i], LOOK_AT);
    }
    int64_t began_us = clock_boot_us();
    int err = redis_pipeline(s->op->redis, cmds, n, replies);
    rest(clock_boot_us() - began_us);
    for (size_t i = 0; i < n; i++) {
        if (err == ERR_OK)
            err = take(s, courses[i], replies[i]);
        reply_free(replies[i]);
        cmd_free(&cmds[i]);
    }
    return err;
}

/* One step of each account; *ret_more: some have more. */
static int round_of(struct search *s, bool *ret_more)
{
    struct course *batch[BATCH];
    size_t n = 0;
    int err = ERR_OK;
    *ret_more = false;
    for (size_t i = 0; i < s->course_n && err == ERR_OK && !is_enough(s); i++) {
        if (s->courses[i].where)
            batch[n++] = &s->courses[i];
        if (n == BATCH || (n > 0 && i + 1 == s->course_n)) {
            err = step(s, batch, n);
            n = 0;
        }
    }
    if (n > 0 && err == ERR_OK && !is_enough(s))
        err = step(s, batch, n);
    for (size_t i = 0; i < s->course_n; i++)
        *ret_more |= s->courses[i].where != NULL;
    return err;
}

static int look(struct search *s, bool *ret_complete)
{
    bool more = true;
    s->until_ms = clock_boot_ms() + SEARCH_MS;
    s->calls = json_array();
    int err = s->calls ? plan(s) : ERR_NOMEM;
    while (err == ERR_OK && more && !is_enough(s))
        err = round_of(s, &more);
    *ret_complete = !more;
    return err;
}

/* ---- replies ---- */

static int send_json(json_t *value, struct http_reply *ret)
{
    ret->body = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    ret->status = 200;
    return ret->body ? ERR_OK : ERR_NOMEM;
}

int ops_search(struct op *op, struct http_reply *ret)
{
    struct search s = {.op = op};
    bool complete = false;
    const char *text = param(op, "q");
    if (!*text || !is_word(text))
        return answer_invalid(op->answer, "q",
                              "a number, call id, Call-ID, account or account/trunk");
    int err = read_quest(op, text, &s.quest);
    if (err == ERR_OK)
        err = look(&s, &complete);
    if (err == ERR_OK)
        return send_json(json_pack("{s:o s:b}", "calls", s.calls, "complete", complete), ret);
    json_decref(s.calls);
    return err;
}

int ops_search_call(struct op *op, struct http_reply *ret)
{
    bool complete = false;
    const char *account = param(op, "account"), *id = param(op, "id");
    struct search s = {
        .op = op, .quest = {id, account, "", true}
    };
    if (!is_digits(account))
        return answer_invalid(op->answer, "account", "an account number");
    if (!*id || !is_word(id))
        return answer_invalid(op->answer, "id", "a call id");
    int err = look(&s, &complete);
    json_t *call = json_incref(json_array_get(s.calls, 0));
    json_decref(s.calls);
    json_t *messages = NULL;
    if (err == ERR_OK && !call)
        err = answer_invalid(op->answer, "id", "no such call");
    if (err == ERR_OK)
        err = ops_trace(op, json_string_value(json_object_get(call, "callid")), &messages);
    if (err == ERR_OK)
        return send_json(json_pack("{s:o s:o}", "call", call, "messages", messages), ret);
    json_decref(call);
    return err;
}
