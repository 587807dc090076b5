#include "session_timer.h"

#include <stdio.h>

#include "num.h"

enum { LONGEST_S = 604800 };

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

static bool supports_timer(const struct msg *m)
{
    struct element el;
    for (bool more = msg_element_first(m, HEADER_SUPPORTED, &el); more;
         more = msg_element_next(m, HEADER_SUPPORTED, &el)) {
        if (span_eq_nocase(el.text, SPAN_LIT("timer")))
            return true;
    }
    return false;
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

void session_timer_edit(struct edit *e, const struct conf *conf, char text[SESSION_TIMER_LINES])
{
    const struct msg *m = e->msg;
    struct span old;
    int64_t most = conf->sip.session_expires_s, least, asked;
    if (!most || !sets_timer(m->method))
        return;
    if (read_seconds(m, HEADER_MIN_SE, &old, &least) && least > most)
        most = least;
    if (!msg_header(m, HEADER_SESSION_EXPIRES)) {
        snprintf(text, SESSION_TIMER_LINES, "Session-Expires: %lld\r\n", (long long)most);
        edit_append_header(e, span_of(text));
    } else if (read_seconds(m, HEADER_SESSION_EXPIRES, &old, &asked) && asked > most) {
        snprintf(text, SESSION_TIMER_LINES, "%lld", (long long)most);
        edit_replace(e, old, span_of(text));
    }
}

int64_t session_timer_agreed(const struct msg *response)
{
    struct span text;
    int64_t seconds;
    if (!sets_timer(response->method) || response->status < 200 || response->status > 299 ||
        !read_seconds(response, HEADER_SESSION_EXPIRES, &text, &seconds))
        return 0;
    return seconds < LONGEST_S ? seconds : LONGEST_S;
}
