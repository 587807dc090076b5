#include "booking.h"

#include "dial.h"
#include "identity.h"
#include "text.h"

/* A text for Redis, which keeps so many bytes of it. */
enum { TEXT = 128 };

static const char *text_of(struct span s, char buf[TEXT])
{
    text_set_span(buf, TEXT, s);
    return buf;
}

/* The caller's number, if its name may be shown: ten digits, or empty. */
static const char *named_caller(const struct core *core, const struct booking *b,
                                const struct msg *invite, struct phone *caller)
{
    bool named = b->outbound && core->conf->sip.cnam && !identity_is_anonymous(invite) &&
                 dial_inbound(&invite->from.uri, caller) == DIAL_NUMBER;
    return named ? caller->digits : "";
}

int booking_ask(struct core *core, const struct booking *b, const struct msg *invite,
                const struct addr *origin, const struct routes_exit *exit, admit_fn *fn, void *arg)
{
    char from_text[TEXT], to[TEXT], callid[TEXT], source[ADDR_PORT_TEXT];
    struct phone caller;
    bool rated = b->outbound && exit->rated;
    struct admit_question q = {
        .account = b->id.account,
        .call = b->id.call,
        .outbound = b->outbound,
        .onnet = b->onnet,
        .number = b->number,
        .caller = named_caller(core, b, invite, &caller),
        .tg = b->tg,
        .from = text_of(invite->from.uri.text, from_text),
        .to = text_of(invite->to.uri.text, to),
        .source = addr_port_text(origin, source),
        .upstream = b->upstream,
        .callid = text_of(invite->call_id, callid),
        .rate = rated         ? exit->rate
                : b->outbound ? "0"
                              : "",
        .increment = rated         ? exit->increment
                     : b->outbound ? "1"
                                   : "",
        .minimum = rated         ? exit->minimum
                   : b->outbound ? "0"
                                 : "",
        .cached = b->cached,
    };
    return admit_ask(core, &q, fn, arg);
}

void booking_admitted(struct booking *b, const struct admit_answer *answer)
{
    b->admitted = answer->outcome == ADMIT_YES || answer->outcome == ADMIT_UNKNOWN;
    b->longest_s = answer->longest_s;
    if (b->outbound)
        memcpy(b->name, answer->cnam, sizeof b->name);
}

void booking_answer(struct core *core, const struct booking *b, const struct outbox_event *event,
                    outbox_done_fn *done, void *arg)
{
    outbox_answer(core->outbox, b->id.account, b->id.call, event, done, arg);
}

void booking_finish(struct core *core, struct booking *b, const struct outbox_event *event)
{
    if (b->admitted && !b->ended)
        outbox_finish(core->outbox, b->id.account, b->id.call, event, NULL, NULL);
    b->ended = true;
}
