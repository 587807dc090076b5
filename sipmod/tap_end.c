#include "branch.h"
#include "num.h"
#include "out.h"
#include "refusal.h"
#include "tap_call_priv.h"
#include "text.h"

uint64_t tap_call_tag(struct span tag)
{
    return branch_hash(BRANCH_HASH_START, tag);
}

void tap_call_note(struct tap_call *c, const struct tap_leg *leg, int status)
{
    char place[ADDR_PORT_TEXT], *text = c->cdr.attempts;
    struct out o = {.buf = text, .cap = TAP_ATTEMPTS - 1, .n = strlen(text)};
    size_t before = o.n;
    out_text(&o, o.n ? " " : "");
    out_text(&o, addr_port_text(&leg->to, place));
    out_text(&o, "=");
    out_number(&o, (uint64_t)status);
    text[o.full ? before : o.n] = '\0';
}

/* Before its patience is over a proxy goes on only because the target can't be reached at all. */
void tap_call_give_up_leg(struct tap_call *c, struct tap_leg *leg, int64_t at_us,
                          int64_t no_answer_ms)
{
    bool patient = leg->heard || (at_us - leg->since_us) / 1000 >= no_answer_ms * 9 / 10;
    if (leg->noted || c->cancelled)
        return;
    leg->noted = true;
    tap_call_note(c, leg, patient ? 408 : 503);
    if (!patient && leg->status == 0)
        leg->status = 503;
}

/* Our own refusals say their word by a cause of Q.850; NULL: another's. */
static const char *refused_for(const struct msg *response)
{
    const struct header_line *reason = msg_header(response, HEADER_REASON);
    struct span rest, head, cause, text = {0};
    int64_t number;
    if (!reason)
        return NULL;
    rest = reason->value;
    if (!span_cut(&rest, ';', &head) || !span_eq_nocase(head, SPAN_LIT("Q.850")) ||
        !msg_param(rest, "cause", &cause) || num_parse(cause, 1, 127, &number) != ERR_OK)
        return NULL;
    if (msg_param(rest, "text", &text) && text.n >= 2 && text.p[0] == '"')
        text = (struct span){text.p + 1, text.n - 2};
    return refusal_word(response->status, (int)number, text);
}

/* Whether a target gave this status. */
static bool is_of_target(const struct tap_call *c, int status)
{
    for (size_t i = 0; i < c->n_legs; i++) {
        if (c->legs[i].status == status && c->legs[i].heard)
            return true;
    }
    return false;
}

/* A target's 503 goes on as 500 (RFC 3261 §16.7). */
static bool is_for_503(const struct tap_call *c, int status)
{
    if (status != 500 || is_of_target(c, 500))
        return false;
    for (size_t i = 0; i < c->n_legs; i++) {
        if (c->legs[i].status == 503)
            return true;
    }
    return false;
}

void tap_call_fail(struct tap_call *c, const struct msg *response, int64_t at_us)
{
    int status = is_for_503(c, response->status) ? 503 : response->status;
    const char *word = c->n_legs == 0 ? refused_for(response) : NULL;
    bool by_target = status == response->status && is_of_target(c, status);
    c->cdr.end_us = at_us;
    c->cdr.code = status;
    c->cdr.by = c->cancelled ? "caller" : by_target ? "callee" : "system";
    text_set(c->cdr.reason, sizeof c->cdr.reason,
             c->cancelled ? "cancelled"
             : word       ? word
                          : refusal_reason(status));
}

/* Why the proxy itself hung up; "": it did not. */
static struct span hung_up_for(const struct msg *bye)
{
    static const char *const words[] = {"longest", "expired", "balance", "mou", "killed"};
    const struct header_line *reason = msg_header(bye, HEADER_REASON);
    struct span rest, head, text;
    if (!reason)
        return (struct span){0};
    rest = reason->value;
    if (!span_cut(&rest, ';', &head) || !span_eq_nocase(head, SPAN_LIT("SIP")) ||
        !msg_param(rest, "text", &text) || text.n < 2)
        return (struct span){0};
    text = (struct span){text.p + 1, text.n - 2};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (span_eq(text, span_of(words[i])))
            return text;
    }
    return (struct span){0};
}

bool tap_call_bye(struct tap_call *c, const struct msg *bye, int64_t at_us)
{
    struct span word = hung_up_for(bye);
    if (c->bye_us == 0) {
        c->bye_us = at_us;
        c->cdr.by = tap_call_tag(bye->from.tag) == c->caller ? "caller" : "callee";
    }
    if (!word.n)
        return false;
    c->cdr.by = "system";
    tap_call_end(c, at_us);
    text_set_span(c->cdr.reason, sizeof c->cdr.reason, word);
    return true;
}

void tap_call_end(struct tap_call *c, int64_t at_us)
{
    c->cdr.end_us = at_us;
    c->cdr.code = 200;
    text_set(c->cdr.reason, sizeof c->cdr.reason, "answered");
}

void tap_call_lose(struct tap_call *c, int64_t at_us)
{
    c->cdr.end_us = at_us;
    c->cdr.code = c->cdr.answer_us ? 200 : 408;
    c->cdr.by = "system";
    c->cdr.estimated = true;
    text_set(c->cdr.reason, sizeof c->cdr.reason, "lost");
}
