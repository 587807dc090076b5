#include "unfit.h"

#include "branch.h"
#include "out.h"
#include "session_timer.h"
#include "stateless.h"

static void respond(struct core *core, const struct msg *request, const struct flow *from,
                    int status, struct span lines)
{
    stateless_respond(core, request, from, status, NULL, lines, CORE_BYTES);
}

static void respond_plain(struct core *core, const struct msg *request, const struct flow *from,
                          int status)
{
    respond(core, request, from, status, (struct span){0});
}

/* §16.3 item 4: a Via of ours with the hash that this request would get again. */
static bool is_loop(const struct core *core, const struct msg *m)
{
    struct element el;
    uint32_t hash = 0;
    bool hashed = false;
    for (bool more = msg_element_first(m, HEADER_VIA, &el); more;
         more = msg_element_next(m, HEADER_VIA, &el)) {
        struct via via;
        uint64_t id;
        uint32_t loop;
        if (msg_read_via(m, el.text, &via) != ERR_OK || !branch_read(via.branch, &id, &loop) ||
            !transport_is_us(core->transport, via.host, via.port))
            continue;
        if (!hashed)
            hash = branch_loop_hash(m);
        hashed = true;
        if (loop == hash)
            return true;
    }
    return false;
}

static bool refuse_proxy_require(struct core *core, const struct msg *m, const struct flow *from)
{
    char text[1024];
    struct out lines = OUT_IN(text);
    if (!stateless_unsupported(m, &lines))
        return false;
    respond(core, m, from, 420, out_done(&lines));
    return true;
}

static bool is_known_scheme(struct span scheme)
{
    return span_eq_nocase(scheme, SPAN_LIT("sip")) || span_eq_nocase(scheme, SPAN_LIT("sips")) ||
           span_eq_nocase(scheme, SPAN_LIT("tel"));
}

bool unfit_refused(struct core *core, const struct msg *m, const struct flow *from)
{
    char lines[SESSION_TIMER_LINES];
    if (!is_known_scheme(m->uri.scheme))
        respond_plain(core, m, from, 416);
    else if (m->max_forwards == 0)
        respond_plain(core, m, from, 483);
    else if (is_loop(core, m))
        respond_plain(core, m, from, 482);
    else if (session_timer_too_small(m, core->conf, lines))
        respond(core, m, from, 422, span_of(lines));
    else
        return refuse_proxy_require(core, m, from);
    return true;
}
