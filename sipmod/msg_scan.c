#include <string.h>

#include "msg_chars.h"
#include "msg_priv.h"
#include "num.h"

enum { HEADERS_FIRST = 32 }; /* room for so many lines before the array grows to its limit */

void scan_fault(struct scan *s, int err, int status, const char *kind, const char *text)
{
    if (s->fault.text && err != ERR_NOMEM)
        return;
    s->err = err;
    s->fault = (struct msg_fault){.status = status, .kind = kind, .text = text};
}

static void framing_fault(struct scan *s, const char *text)
{
    scan_fault(s, ERR_INVALID, 400, "framing", text);
}

/* One line without its CRLF. False, with a fault, when there is none: a CR or LF of its own ends no
 * line, because others may think that it does. */
static bool line_take(struct scan *s, struct span *ret)
{
    const char *lf = s->rest.n > 0 ? memchr(s->rest.p, '\n', s->rest.n) : NULL;
    struct span line;

    if (!lf) {
        framing_fault(s, "Headers without end");
        return false;
    }
    line = (struct span){s->rest.p, (size_t)(lf - s->rest.p)};
    if (line.n == 0 || line.p[line.n - 1] != '\r') {
        framing_fault(s, "Line feed without carriage return");
        return false;
    }
    line.n--;
    if (memchr(line.p, '\r', line.n)) {
        framing_fault(s, "Carriage return without line feed");
        return false;
    }
    cursor_to(&s->rest, lf + 1);
    *ret = line;
    return true;
}

/* "SIP/2.0", or another version of SIP, which is well formed but not ours. */
static bool version_read(struct scan *s, struct span text)
{
    struct span rest = text;

    if (span_eq_nocase(text, SPAN_LIT("SIP/2.0")))
        return true;
    if (!span_starts_nocase(text, SPAN_LIT("SIP/")))
        return false;
    cursor_to(&rest, text.p + 4);
    if (cursor_run(&rest, CHAR_DIGIT).n == 0 || !cursor_take(&rest, '.') ||
        cursor_run(&rest, CHAR_DIGIT).n == 0 || rest.n > 0)
        return false;
    s->other_version = true;
    return true;
}

/* Method SP Request-URI SP SIP-Version */
static bool request_line(struct scan *s, struct span line)
{
    struct msg *m = s->m;

    m->is_request = true;
    m->method_text = cursor_run(&line, CHAR_TOKEN);
    m->method = msg_method(m->method_text);
    if (m->method_text.n == 0 || !cursor_take(&line, ' '))
        return false;
    m->uri_text = cursor_run(&line, CHAR_URI);
    if (m->uri_text.n == 0 || !cursor_take(&line, ' '))
        return false;
    return version_read(s, line);
}

/* SIP-Version SP Status-Code SP Reason-Phrase. The second SP is missing in the field at times. */
static bool status_line(struct scan *s, struct span line)
{
    const char *space = memchr(line.p, ' ', line.n);
    struct span code;
    int64_t status;

    if (!space || !version_read(s, cursor_to(&line, space)))
        return false;
    cursor_take(&line, ' ');
    code = cursor_run(&line, CHAR_DIGIT);
    if (code.n != 3 || num_parse(code, 100, 699, &status) != 0)
        return false;
    if (line.n > 0 && !cursor_take(&line, ' '))
        return false;
    s->m->status = (int)status;
    s->m->reason = line;
    return true;
}

static bool start_line(struct scan *s)
{
    struct span line;
    bool response, ok;

    if (!line_take(s, &line))
        return false;
    response = span_starts_nocase(line, SPAN_LIT("SIP/"));
    ok = response ? status_line(s, line) : request_line(s, line);
    if (!ok)
        scan_fault(s, ERR_INVALID, 400, "start-line",
                   response ? "Malformed status line" : "Malformed request line");
    else if (s->other_version)
        scan_fault(s, ERR_INVALID, 505, "version", "Version not supported");
    return true;
}

static bool headers_grow(struct scan *s)
{
    size_t cap = s->cap == 0 ? HEADERS_FIRST : MSG_HEADERS_MAX;
    struct header_line *headers;

    if (s->cap == MSG_HEADERS_MAX) {
        scan_fault(s, ERR_TOO_LARGE, 513, "limit", "Too many headers");
        return false;
    }
    headers = arena_alloc(s->m->arena, cap * sizeof(*headers));
    if (!headers) {
        scan_fault(s, ERR_NOMEM, 0, "memory", "Out of memory");
        return false;
    }
    if (s->cap > 0)
        memcpy(headers, s->m->headers, s->m->n_headers * sizeof(*headers));
    s->m->headers = headers;
    s->cap = cap;
    return true;
}

/* The lines that continue the header that began at `start` (RFC 3261 §7.3.1). */
static bool folds_take(struct scan *s, const char *start)
{
    struct span line;

    while (s->rest.n > 0 && (*s->rest.p == ' ' || *s->rest.p == '\t')) {
        if (!line_take(s, &line))
            return false;
        if (span_trim(line).n == 0) {
            framing_fault(s, "Blank continuation line");
            return false;
        }
        if ((size_t)(s->rest.p - start) > MSG_LINE_MAX)
            return true; /* the caller finds out */
    }
    return true;
}

/* Space may stand between name and colon (§7.3.1): "Via :" is Via. */
static bool header_split(struct header_line *h)
{
    struct span rest = h->line;

    h->name = cursor_run(&rest, CHAR_TOKEN);
    if (h->name.n == 0)
        return false;
    cursor_skip_space(&rest);
    if (!cursor_take(&rest, ':'))
        return false;
    h->value = span_trim(rest);
    h->id = names_header(h->name);
    return true;
}

/* One header with its folds. False: the empty line, or a fault. */
static bool header_take(struct scan *s)
{
    struct header_line h = {0};
    const char *start = s->rest.p;
    struct span line;

    if (!line_take(s, &line))
        return false;
    s->ended = line.n == 0;
    if (s->ended || !folds_take(s, start))
        return false;
    h.line = (struct span){start, (size_t)(s->rest.p - start)};
    if (h.line.n > MSG_LINE_MAX) {
        scan_fault(s, ERR_TOO_LARGE, 513, "limit", "Header line too long");
        return false;
    }
    if (!header_split(&h)) {
        framing_fault(s, "Malformed header line");
        return false;
    }
    if (s->m->n_headers == s->cap && !headers_grow(s))
        return false;
    s->m->headers[s->m->n_headers++] = h;
    return true;
}

/* A NUL is allowed behind a backslash in a quoted string, and nowhere else (§25.1). */
static void nul_check(struct scan *s, struct span head)
{
    const char *nul;

    while (head.n > 0 && (nul = memchr(head.p, '\0', head.n)) != NULL) {
        if (nul == head.p || nul[-1] != '\\') {
            framing_fault(s, "NUL in headers");
            return;
        }
        cursor_to(&head, nul + 1);
    }
}

/* *ret untouched when there is none. False on a fault. */
static bool content_length(struct scan *s, size_t *ret)
{
    bool known = false;
    int64_t n = 0, first = 0;

    for (size_t i = 0; i < s->m->n_headers; i++) {
        const struct header_line *h = &s->m->headers[i];

        if (h->id != HEADER_CONTENT_LENGTH)
            continue;
        if (num_parse(h->value, 0, INT64_MAX, &n) != 0) {
            scan_fault(s, ERR_INVALID, 400, "content-length", "Malformed Content-Length");
            return false;
        }
        if (known && n != first) {
            scan_fault(s, ERR_INVALID, 400, "content-length", "Different Content-Lengths");
            return false;
        }
        known = true;
        first = n;
    }
    if (known)
        *ret = (size_t)first;
    return true;
}

static void body_take(struct scan *s)
{
    size_t n = s->rest.n;

    if (content_length(s, &n) && n > s->rest.n) {
        scan_fault(s, ERR_INVALID, 400, "content-length", "Content-Length beyond datagram");
        n = s->rest.n;
    }
    s->m->body = cursor_to(&s->rest, s->rest.p + n);
    s->m->raw.n = (size_t)(s->rest.p - s->m->raw.p);
}

void scan_message(struct scan *s)
{
    s->rest = s->m->raw;
    if (!start_line(s))
        return;
    while (header_take(s))
        ;
    nul_check(s, (struct span){s->m->raw.p, (size_t)(s->rest.p - s->m->raw.p)});
    if (s->ended)
        body_take(s);
    else
        s->m->body = (struct span){s->m->raw.p + s->m->raw.n, 0};
}
