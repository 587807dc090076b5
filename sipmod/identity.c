#include "identity.h"

static bool is_id(struct span word)
{
    return span_eq_nocase(word, SPAN_LIT("id"));
}

static bool is_no_none(struct span word)
{
    return !span_eq_nocase(word, SPAN_LIT("none"));
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

void identity_diversion(struct out *o, const struct identity_forward *f)
{
    out_format(o, "Diversion: <sip:+1%s@%.*s>;reason=%s;counter=1\r\n", f->number, (int)f->us.n,
               f->us.p, f->reason);
}

/* Index of the last entry; empty: none. */
static struct span last_index(const struct msg *request)
{
    struct element el;
    struct span index = {0};
    for (bool more = msg_element_first(request, HEADER_HISTORY_INFO, &el); more;
         more = msg_element_next(request, HEADER_HISTORY_INFO, &el)) {
        struct name_addr entry;
        struct span value;
        if (msg_read_name_addr(request, el.text, &entry) == ERR_OK &&
            msg_param(entry.params, "index", &value))
            index = value;
    }
    return index;
}

/* RFC 7044 §10.3: an entry below the last one, mapped from it to another user. Without a history
 * the number that was called is its first entry. */
void identity_history(struct out *o, const struct msg *request, const struct identity_forward *f)
{
    struct span index = last_index(request);
    out_text(o, "History-Info: ");
    if (index.n == 0) {
        index = SPAN_LIT("1");
        out_format(o, "<sip:+1%s@%.*s>;index=1, ", f->number, (int)f->us.n, f->us.p);
    }
    out_text(o, "<");
    out_span(o, f->to);
    out_text(o, ">;index=");
    out_span(o, index);
    out_text(o, ".1;mp=");
    out_span(o, index);
    out_text(o, "\r\n");
}
