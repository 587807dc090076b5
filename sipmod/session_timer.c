#include "session_timer.h"

#include <stdio.h>

#include "num.h"

enum { LONGEST_S = 604800 };

static const struct span TIMER = {"timer", 5};

/* The number that begins the value, before any parameter. */
static bool read_seconds(const struct msg *m, enum header id, struct span *ret_text, int64_t *ret)
{
    const struct header_line *line = msg_header(m, id);
    struct span rest = line ? line->value : (struct span){0};
    if (!line || !span_cut(&rest, ';', ret_text))
        return false;
    *ret_text = span_trim(*ret_text);
    return num_parse(*ret_text, 0, UINT32_MAX, ret) == ERR_OK;
}

static bool sets_timer(enum method method)
{
    return method == METHOD_INVITE || method == METHOD_UPDATE;
}

static bool has_option(const struct msg *m, enum header id, struct span option)
{
    struct element el;
    for (bool more = msg_element_first(m, id, &el); more; more = msg_element_next(m, id, &el)) {
        if (span_eq_nocase(el.text, option))
            return true;
    }
    return false;
}

static bool supports_timer(const struct msg *m)
{
    return has_option(m, HEADER_SUPPORTED, TIMER);
}

bool session_timer_too_small(const struct msg *request, const struct conf *conf,
                             char lines[SESSION_TIMER_LINES])
{
    struct span text;
    int64_t asked;
    if (!conf->sip.session_expires_s || !sets_timer(request->method) ||
        !read_seconds(request, HEADER_SESSION_EXPIRES, &text, &asked) ||
        asked >= conf->sip.session_min_s || !supports_timer(request))
        return false;
    snprintf(lines, SESSION_TIMER_LINES, "Min-SE: %lld\r\n", (long long)conf->sip.session_min_s);
    return true;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Writes the number of a header, or the header if it isn't there. */
static void put_seconds(struct edit *e, enum header id, const char *name, int64_t seconds,
                        char text[SESSION_TIMER_LINES])
{
    struct span old;
    int64_t was;
    bool there = read_seconds(e->msg, id, &old, &was);
    if (!there && msg_header(e->msg, id))
        return; /* not to be understood: left as it is */
    if (there)
        snprintf(text, SESSION_TIMER_LINES, "%lld", (long long)seconds);
    else
        snprintf(text, SESSION_TIMER_LINES, "%s: %lld\r\n", name, (long long)seconds);
    if (there)
        edit_replace(e, old, span_of(text));
    else
        edit_append_header(e, span_of(text));
}

struct session_timer session_timer_request(struct edit *e, const struct conf *conf,
                                           struct session_timer_text *text)
{
    const struct msg *m = e->msg;
    struct session_timer t = {0};
    struct span old;
    int64_t least = 0, asked = 0, floor = conf->sip.session_min_s;
    if (!conf->sip.session_expires_s || !sets_timer(m->method))
        return t;
    bool there = read_seconds(m, HEADER_SESSION_EXPIRES, &old, &asked);
    if (!there && msg_header(m, HEADER_SESSION_EXPIRES))
        return t; /* not to be understood: left to the ends */
    (void)read_seconds(m, HEADER_MIN_SE, &old, &least);
    t.caller_knows = supports_timer(m);
    t.seconds = larger(conf->sip.session_expires_s, least);
    if (there && asked < floor && !t.caller_knows) {
        t.seconds = larger(floor, least);
        if (least < floor)
            put_seconds(e, HEADER_MIN_SE, "Min-SE", floor, text->least);
    } else if (there && asked < t.seconds) {
        t.seconds = asked;
    }
    if (!there || asked != t.seconds)
        put_seconds(e, HEADER_SESSION_EXPIRES, "Session-Expires", t.seconds, text->expires);
    return t;
}

static bool is_success(const struct msg *response)
{
    return sets_timer(response->method) && response->status >= 200 && response->status <= 299;
}

/* Whether the caller has to be told of what its request became. */
static bool is_untold(const struct msg *response, const struct session_timer *asked)
{
    return is_success(response) && asked->seconds > 0 && asked->caller_knows &&
           !msg_header(response, HEADER_SESSION_EXPIRES);
}

void session_timer_response(struct edit *e, const struct session_timer *asked,
                            struct session_timer_text *text)
{
    const struct header_line *require = msg_header(e->msg, HEADER_REQUIRE);
    if (!is_untold(e->msg, asked))
        return;
    snprintf(text->expires, sizeof text->expires, "Session-Expires: %lld;refresher=uac\r\n",
             (long long)asked->seconds);
    edit_append_header(e, span_of(text->expires));
    if (!require)
        edit_append_header(e, SPAN_LIT("Require: timer\r\n"));
    else if (!has_option(e->msg, HEADER_REQUIRE, TIMER))
        edit_after(e, require->value, SPAN_LIT(", timer"));
}

int64_t session_timer_agreed(const struct msg *response, const struct session_timer *asked)
{
    struct span text;
    int64_t seconds;
    if (is_untold(response, asked))
        return asked->seconds;
    if (!is_success(response) || !read_seconds(response, HEADER_SESSION_EXPIRES, &text, &seconds))
        return 0;
    return seconds < LONGEST_S ? seconds : LONGEST_S;
}
