#include "msg.h"
#include "msg_chars.h"
#include "msg_priv.h"
#include "num.h"

enum { ARENA_EXTRA = 4096 }; /* header index and understood parts of a usual message */

/* Headers of which a message has one. */
static const struct {
    enum header id;
    bool required;
    const char *kind, *missing, *twice;
} singles[] = {
    {HEADER_VIA,          true,  "via",          "Missing Via",     NULL              },
    {HEADER_FROM,         true,  "from",         "Missing From",    "Two From"        },
    {HEADER_TO,           true,  "to",           "Missing To",      "Two To"          },
    {HEADER_CALL_ID,      true,  "call-id",      "Missing Call-ID", "Two Call-ID"     },
    {HEADER_CSEQ,         true,  "cseq",         "Missing CSeq",    "Two CSeq"        },
    {HEADER_MAX_FORWARDS, false, "max-forwards", NULL,              "Two Max-Forwards"},
};

/* Headers that are lists of addresses: no element may be empty, and there is a limit. */
static const struct {
    enum header id;
    const char *kind, *malformed, *too_many;
} lists[] = {
    {HEADER_VIA,          "via",          "Malformed Via",          "Too many Via"         },
    {HEADER_ROUTE,        "route",        "Malformed Route",        "Too many Route"       },
    {HEADER_RECORD_ROUTE, "record-route", "Malformed Record-Route", "Too many Record-Route"},
    {HEADER_CONTACT,      "contact",      "Malformed Contact",      "Too many Contact"     },
};

static int read_via(struct scan *s, const struct header_line *h)
{
    struct element top;
    int err;

    (void)h;
    if (!msg_element_first(s->m, HEADER_VIA, &top))
        return ERR_INVALID;
    err = addr_read_via(s->m, top.text, s->other_version, &s->m->via);
    if (err == ERR_INVALID && addr_salvage_via(s->m, top.text, &s->m->via) == ERR_NOMEM)
        err = ERR_NOMEM;
    return err;
}

static int read_from(struct scan *s, const struct header_line *h)
{
    return msg_read_name_addr(s->m, h->value, &s->m->from);
}

static int read_to(struct scan *s, const struct header_line *h)
{
    return msg_read_name_addr(s->m, h->value, &s->m->to);
}

static int read_call_id(struct scan *s, const struct header_line *h)
{
    if (h->value.n == 0 || !chars_all(h->value, CHAR_CALL_ID))
        return ERR_INVALID;
    s->m->call_id = h->value;
    return 0;
}

/* number LWS method; the number is below 2**31 (RFC 3261 §8.1.1.5). */
static int read_cseq(struct scan *s, const struct header_line *h)
{
    struct span rest = h->value, digits = cursor_run(&rest, CHAR_DIGIT);
    int64_t n;

    if (num_parse(digits, 0, INT32_MAX, &n) != 0 || rest.n == 0 || !char_is(*rest.p, CHAR_SPACE))
        return ERR_INVALID;
    cursor_skip_space(&rest);
    if (rest.n == 0 || !chars_all(rest, CHAR_TOKEN))
        return ERR_INVALID;
    s->m->cseq = (uint32_t)n;
    s->m->cseq_method = rest;
    return 0;
}

static int read_max_forwards(struct scan *s, const struct header_line *h)
{
    int64_t n;

    if (!s->m->is_request)
        return 0;
    if (num_parse(h->value, 0, 255, &n) != 0)
        return ERR_INVALID;
    s->m->max_forwards = (int)n;
    return 0;
}

/* In this order; each is read from its first line, whatever is wrong with the others. */
static const struct {
    enum header id;
    const char *kind, *malformed;
    int (*read)(struct scan *s, const struct header_line *h);
} readers[] = {
    {HEADER_VIA,          "via",          "Malformed Via",          read_via         },
    {HEADER_FROM,         "from",         "Malformed From",         read_from        },
    {HEADER_TO,           "to",           "Malformed To",           read_to          },
    {HEADER_CALL_ID,      "call-id",      "Malformed Call-ID",      read_call_id     },
    {HEADER_CSEQ,         "cseq",         "Malformed CSeq",         read_cseq        },
    {HEADER_MAX_FORWARDS, "max-forwards", "Malformed Max-Forwards", read_max_forwards},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void fault_of(struct scan *s, int err, const char *kind, const char *text)
{
    if (err == ERR_NOMEM)
        scan_fault(s, err, 0, "memory", "Out of memory");
    else if (err)
        scan_fault(s, err, err == ERR_TOO_LARGE ? 513 : 400, kind, text);
}

static void check_singles(struct scan *s)
{
    size_t counts[HEADER_COUNT] = {0};

    for (size_t i = 0; i < s->m->n_headers; i++)
        counts[s->m->headers[i].id]++;
    for (size_t i = 0; i < COUNT(singles); i++) {
        size_t n = counts[singles[i].id];

        if (n == 0 && singles[i].required)
            fault_of(s, ERR_INVALID, singles[i].kind, singles[i].missing);
        else if (n > 1 && singles[i].twice)
            fault_of(s, ERR_INVALID, singles[i].kind, singles[i].twice);
    }
}

static void check_lists(struct scan *s)
{
    for (size_t i = 0; i < COUNT(lists); i++) {
        int err = elements_check(s->m, lists[i].id);

        fault_of(s, err, lists[i].kind,
                 err == ERR_TOO_LARGE ? lists[i].too_many : lists[i].malformed);
    }
}

/* "sip:a@b?Route=…" without <> could be read as a Contact with headers, or as one without. A
 * response is not dropped for it: the call would hang. */
static void check_contacts(struct scan *s)
{
    struct element e;
    struct name_addr unused;
    bool more = s->m->is_request && msg_element_first(s->m, HEADER_CONTACT, &e);

    for (; more; more = msg_element_next(s->m, HEADER_CONTACT, &e)) {
        if (!span_eq(e.text, SPAN_LIT("*")))
            fault_of(s, addr_split(e.text, &unused), "contact", "Malformed Contact");
    }
}

static void read_headers(struct scan *s)
{
    for (size_t i = 0; i < COUNT(readers); i++) {
        const struct header_line *h = msg_header(s->m, readers[i].id);

        if (h)
            fault_of(s, readers[i].read(s, h), readers[i].kind, readers[i].malformed);
    }
}

static void check_methods(struct scan *s)
{
    struct msg *m = s->m;

    if (!m->is_request) {
        m->method_text = m->cseq_method;
        m->method = msg_method(m->cseq_method);
    } else if (m->cseq_method.n > 0 && !span_eq(m->cseq_method, m->method_text)) {
        fault_of(s, ERR_INVALID, "cseq", "CSeq of another method");
    }
}

/* Read last: 416 is for a request that is well formed otherwise. */
static void read_request_uri(struct scan *s)
{
    struct msg *m = s->m;
    int err;

    if (!m->is_request || m->uri_text.n == 0)
        return;
    err = msg_read_uri(m, m->uri_text, &m->uri);
    if (!err && m->uri.headers.n > 0)
        err = ERR_INVALID; /* §19.1.1: not in a Request-URI */
    fault_of(s, err, "request-uri", "Malformed Request-URI");
    if (!err && m->uri.host.n == 0 && !span_eq_nocase(m->uri.scheme, SPAN_LIT("tel")))
        scan_fault(s, ERR_INVALID, 416, "request-uri", "Unsupported URI scheme");
}

/* Nobody answers a response or an ACK. */
static bool answerable(const struct scan *s)
{
    return s->err != ERR_NOMEM && s->m->is_request && s->m->method != METHOD_ACK &&
           s->m->via.host.n > 0;
}

static void understand(struct scan *s)
{
    scan_message(s);
    check_singles(s);
    check_lists(s);
    read_headers(s);
    check_methods(s);
    check_contacts(s);
    read_request_uri(s);
    if (s->fault.text && (!s->m->is_request || s->m->method == METHOD_ACK))
        s->fault.status = 0;
}

static struct msg *msg_new(struct span bytes)
{
    struct arena *a = arena_new(bytes.n + ARENA_EXTRA);
    struct msg *m = a ? arena_alloc(a, sizeof(*m)) : NULL;

    if (!m) {
        arena_free(a);
        return NULL;
    }
    m->arena = a;
    m->max_forwards = -1;
    m->raw = arena_copy(a, bytes);
    if (!m->raw.p) {
        msg_free(m);
        return NULL;
    }
    return m;
}

/* Clients send CRLFs before a message (RFC 3261 §7.5) and alone to keep a binding open. */
static struct span without_crlfs(struct span s)
{
    while (s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n') {
        s.p += 2;
        s.n -= 2;
    }
    return s;
}

/* What needs no look at the message. */
static int refuse_early(struct span bytes, struct msg_fault *fault)
{
    if (bytes.n == 0) {
        *fault = (struct msg_fault){.status = 0, .kind = "empty", .text = "Nothing but CRLF"};
        return ERR_INVALID;
    }
    if (bytes.n > MSG_BYTES_MAX) {
        *fault = (struct msg_fault){.status = 0, .kind = "limit", .text = "Message too large"};
        return ERR_TOO_LARGE;
    }
    return 0;
}

int msg_parse(struct span datagram, struct msg **ret, struct msg_fault *fault,
              struct msg **reply_to)
{
    struct span bytes = without_crlfs(datagram);
    struct scan s = {0};
    int err;

    *ret = NULL;
    if (reply_to)
        *reply_to = NULL;
    *fault = (struct msg_fault){0};
    err = refuse_early(bytes, fault);
    if (err)
        return err;
    arena_hook_osip();
    s.m = msg_new(bytes);
    if (!s.m) {
        *fault = (struct msg_fault){.status = 0, .kind = "memory", .text = "Out of memory"};
        return ERR_NOMEM;
    }
    understand(&s);
    if (!s.fault.text) {
        *ret = s.m;
        return 0;
    }
    *fault = s.fault;
    if (reply_to && answerable(&s))
        *reply_to = s.m;
    else
        msg_free(s.m);
    return s.err;
}

void msg_free(struct msg *m)
{
    if (m)
        arena_free(m->arena);
}

const struct header_line *msg_header(const struct msg *m, enum header id)
{
    for (size_t i = 0; i < m->n_headers; i++) {
        if (m->headers[i].id == id)
            return &m->headers[i];
    }
    return NULL;
}
