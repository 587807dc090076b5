#include "identity.h"

#include "phone.h"

enum { INDEX = 256 };

static bool is_id(struct span word)
{
    return span_eq_nocase(word, SPAN_LIT("id"));
}

static bool is_no_none(struct span word)
{
    return !span_eq_nocase(word, SPAN_LIT("none"));
}

static bool is_of_history(struct span word)
{
    return span_eq_nocase(word, SPAN_LIT("history")) || span_eq_nocase(word, SPAN_LIT("session")) ||
           span_eq_nocase(word, SPAN_LIT("header"));
}

/* Whether a word of Privacy is so. */
static bool has_privacy(const struct msg *request, bool (*is_so)(struct span word))
{
    for (size_t i = 0; i < request->n_headers; i++) {
        struct span rest = request->headers[i].value, word;
        while (request->headers[i].id == HEADER_PRIVACY && span_cut(&rest, ';', &word)) {
            if (is_so(span_trim(word)))
                return true;
        }
    }
    return false;
}

bool identity_is_private(const struct msg *request)
{
    return has_privacy(request, is_id);
}

bool identity_is_anonymous(const struct msg *request)
{
    return has_privacy(request, is_no_none);
}

bool identity_is_history_private(const struct msg *request)
{
    return has_privacy(request, is_of_history);
}

void identity_display(struct out *o, const char *name)
{
    out_text(o, "\"");
    for (const char *p = name; *p; p++) {
        if (*p == '"' || *p == '\\')
            out_text(o, "\\");
        out_span(o, (struct span){p, 1});
    }
    out_text(o, "\" ");
}

/* RFC 5806 §4, RFC 7544 §4: who did not answer in time, was out of reach, or was not even asked. */
static const char *diversion_reason(int status)
{
    return status == 0 ? "unconditional" : status == 408 ? "no-answer" : "unavailable";
}

void identity_diversion(struct out *o, const struct identity_forward *f)
{
    for (size_t i = f->n; i-- > 0;)
        out_format(o, "Diversion: <sip:+1%s@%.*s>;reason=%s;counter=1\r\n", f->steps[i].number,
                   (int)f->us.n, f->us.p, diversion_reason(f->steps[i].status));
}

/* Index of the last entry, empty: none; and whether that entry is the number. */
static struct span last_index(const struct msg *request, const char *number, bool *ret_same)
{
    struct element el;
    struct span index = {0};
    for (bool more = msg_element_first(request, HEADER_HISTORY_INFO, &el); more;
         more = msg_element_next(request, HEADER_HISTORY_INFO, &el)) {
        struct name_addr entry;
        struct span value;
        struct phone phone;
        if (msg_read_name_addr(request, el.text, &entry) != ERR_OK ||
            !msg_param(entry.params, "index", &value))
            continue;
        index = value;
        *ret_same = phone_parse(entry.uri.user, &phone) == ERR_OK &&
                    span_eq(span_of(phone.digits), span_of(number));
    }
    return index;
}

/* A number's own entry, with what became of it (RFC 7044 §10.2). */
static void put_number(struct out *o, const struct identity_forward *f, size_t i)
{
    out_format(o, "<sip:+1%s@%.*s", f->steps[i].number, (int)f->us.n, f->us.p);
    if (f->steps[i].status)
        out_format(o, "?Reason=SIP%%3Bcause%%3D%d", f->steps[i].status);
    out_text(o, ">");
}

/* The index below another; with `mapped` it is told that the call was sent on to another user. */
static void put_index(struct out *o, struct out *index, bool mapped)
{
    struct span above = out_done(index);
    char text[INDEX];
    struct out below = OUT_IN(text);
    out_span(&below, above);
    out_text(&below, above.n ? ".1" : "1");
    out_text(o, ";index=");
    out_span(o, out_done(&below));
    if (mapped) {
        out_text(o, ";mp=");
        out_span(o, above);
    }
    o->full |= below.full;
    index->n = 0;
    out_span(index, out_done(&below));
}

/* RFC 7044 §9.1, §10.3: each number that the call was at has an entry below the one before it. That
 * of the first stands there already, or is made on behalf of who sent us the call. */
void identity_history(struct out *o, const struct msg *request, const struct identity_forward *f)
{
    char text[INDEX];
    struct out index = OUT_IN(text);
    bool same = false;
    out_span(&index, last_index(request, f->steps[0].number, &same));
    o->full |= index.full;
    out_text(o, "History-Info: ");
    for (size_t i = same ? 1 : 0; i < f->n; i++) {
        put_number(o, f, i);
        put_index(o, &index, i > 0);
        out_text(o, ", ");
    }
    out_text(o, "<");
    out_span(o, f->to);
    out_text(o, ">");
    put_index(o, &index, true);
    out_text(o, "\r\n");
}
