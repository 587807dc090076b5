#include "admit.h"

#include <stdlib.h>

#include "keys.h"
#include "log.h"
#include "text.h"

struct question {
    struct core *core;
    admit_fn *fn;
    void *arg;
};

static enum admit_kind target_kind(const char *word)
{
    if (strcmp(word, "secondary") == 0)
        return ADMIT_SECONDARY;
    return strcmp(word, "forward") == 0 ? ADMIT_FORWARD : ADMIT_PRIMARY;
}

/* "ok", new|repeat, tg, longest seconds, cnam, then kind, prefix, host, port for each target. */
static void read_targets(const struct redisReply *r, struct admit_answer *a)
{
    a->outcome = ADMIT_YES;
    a->longest_s = reply_int(r, 3, 1);
    text_set(a->cnam, sizeof a->cnam, reply_text(r, 4));
    for (size_t i = 5; i + 3 < reply_count(r) && a->n_targets < ADMIT_TARGETS; i += 4) {
        struct admit_target *t = &a->targets[a->n_targets++];
        t->kind = target_kind(reply_text(r, i));
        text_set(t->prefix, sizeof t->prefix, reply_text(r, i + 1));
        text_set(t->host, sizeof t->host, reply_text(r, i + 2));
        t->port = (uint16_t)reply_int(r, i + 3, 5060);
    }
}

static void read_refusal(const struct redisReply *r, struct admit_answer *a)
{
    if (strcmp(reply_word(r), "stale") == 0) {
        a->outcome = ADMIT_STALE;
        return;
    }
    a->outcome = ADMIT_NO;
    a->refusal.status = (int)reply_int(r, 1, 503);
    text_set(a->refusal.reason, sizeof a->refusal.reason, reply_text(r, 2));
    text_set(a->refusal.text, sizeof a->refusal.text, reply_text(r, 3));
    a->refusal.retry_after_s = reply_int(r, 4, 0);
}

static void on_reply(void *arg, const struct redisReply *reply, int err)
{
    struct question *q = arg;
    struct admit_answer a = {.outcome = ADMIT_UNKNOWN};
    switch (err == ERR_OK ? reply_check(reply) : err) {
    case ERR_OK:
        read_targets(reply, &a);
        break;
    case ERR_REFUSED:
        read_refusal(reply, &a);
        break;
    default:
        break;
    }
    q->core->admissions--;
    q->fn(q->arg, &a);
    free(q);
}

int admit_ask(struct core *core, const struct admit_question *a, admit_fn *fn, void *arg)
{
    char code[TEXT_NUMBER], longest[TEXT_NUMBER];
    struct question *q = malloc(sizeof *q);
    if (!q)
        return ERR_NOMEM;
    *q = (struct question){core, fn, arg};
    text_number(core->conf->sip.sessions_code, code);
    text_number(core->conf->sip.longest_call_s, longest);
    const char *args[] = {
        a->call,
        a->outbound ? "out" : "in",
        a->number,
        a->tg,
        store_node(core->store),
        store_boot(core->store),
        a->from,
        a->to,
        a->source,
        a->upstream,
        a->callid,
        a->rate,
        a->increment,
        a->minimum,
        a->cached ? "1" : "",
        code,
        longest,
        a->onnet ? "1" : "",
        a->caller,
    };
    int err = store_call(core->store, on_reply, q, "call_admit", key_account(a->account).text,
                         sizeof args / sizeof *args, args);
    if (err == ERR_OK)
        core->admissions++;
    else
        free(q);
    return err;
}
