/* A SIP message: received bytes, an index of its headers, and what a proxy must understand of it.
 * Bytes are never re-printed: forwarding edits them in place (edit.h). */
#ifndef TRUNKLINE_MSG_H
#define TRUNKLINE_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "err.h"
#include "span.h"

enum method {
    METHOD_OTHER,
    METHOD_INVITE,
    METHOD_ACK,
    METHOD_CANCEL,
    METHOD_BYE,
    METHOD_OPTIONS,
    METHOD_REGISTER,
    METHOD_PRACK,
    METHOD_UPDATE,
    METHOD_INFO,
    METHOD_REFER,
    METHOD_NOTIFY,
    METHOD_SUBSCRIBE,
    METHOD_MESSAGE,
    METHOD_PUBLISH,
    METHODS,
};

/* Headers that the proxy looks at; long and compact names are one id (RFC 3261 §7.3.3). */
enum header {
    HEADER_OTHER,
    HEADER_VIA,
    HEADER_ROUTE,
    HEADER_RECORD_ROUTE,
    HEADER_FROM,
    HEADER_TO,
    HEADER_CALL_ID,
    HEADER_CSEQ,
    HEADER_MAX_FORWARDS,
    HEADER_CONTACT,
    HEADER_CONTENT_LENGTH,
    HEADER_REQUIRE,
    HEADER_PROXY_REQUIRE,
    HEADER_RETRY_AFTER,
    HEADER_REASON,
    HEADER_SESSION_EXPIRES,
    HEADER_MIN_SE,
    HEADER_SUPPORTED,
    HEADER_P_ASSERTED_IDENTITY,
    HEADER_PRIVACY,
    HEADER_DIVERSION,
    HEADER_HISTORY_INFO,
    HEADER_RACK,
    HEADER_CONTENT_TYPE,
    HEADER_X_TRUNKLINE_SOURCE,
    HEADER_COUNT,
};

/* One header as received. `line` runs from its name to its last CRLF, folds included. */
struct header_line {
    enum header id;
    struct span line, name, value; /* value trimmed; may hold folds (CRLF and white space) */
};

/* Scheme, user, host, port and parameters of a URI, as borrowed text in its message's arena. */
struct uri {
    struct span text;        /* as received, without <> */
    struct span scheme;      /* "sip", "sips", "tel", …: lower-cased by nobody, compare folded */
    struct span user, host;  /* user without password, escapes kept; host without brackets */
    struct span params;      /* after the first ';' of a sip URI or tel URI, without headers */
    struct span headers;     /* after '?' */
    struct span user_params; /* after the first ';' inside the user part (";npdi;rn=…") */
    uint16_t port;           /* 0: none */
};

struct via {
    struct span text;       /* this one element as received */
    struct span transport;  /* "UDP", … */
    struct span host;       /* sent-by host, without brackets */
    struct span branch;     /* empty: none */
    struct span received;   /* parameter value, or empty */
    uint16_t port;          /* 0: none */
    bool rport;             /* parameter present (RFC 3581) */
    uint16_t rport_value;   /* 0: no value */
    struct span rport_name; /* the word itself, where a value is put behind; in text */
};

struct name_addr {
    struct uri uri;
    struct span display; /* as received, quotes included */
    struct span tag;     /* empty: none */
    struct span params;  /* of the header, after the first ';' behind the URI */
};

struct msg {
    struct arena *arena; /* owner of everything here */
    struct span raw;     /* start line to the end of the body; owned by the arena */
    struct span body;
    struct header_line *headers;
    size_t n_headers;

    bool is_request;
    enum method method; /* of the start line, or of CSeq in a response */
    struct span method_text;
    struct span uri_text; /* Request-URI as received */
    struct uri uri; /* Request-URI; only scheme and text are set for schemes but sip(s), tel */
    int status;     /* of a response */
    struct span reason;

    struct via via; /* topmost */
    struct name_addr from, to;
    struct span call_id;
    uint32_t cseq;
    struct span cseq_method;
    int max_forwards; /* -1: none */
};

/* Why a message isn't accepted. status 0: drop it without a response. */
struct msg_fault {
    int status;       /* 400, 413, 416, 420, 505, … or 0 */
    const char *text; /* static; names the header: "Malformed CSeq" */
    const char *kind; /* static word for counters: "cseq", "framing", … */
};

enum {
    MSG_BYTES_MAX = 65535,  /* one message, start line to the end of its body */
    MSG_HEADERS_MAX = 256,  /* header lines */
    MSG_LINE_MAX = 8192,    /* bytes of one header with folds */
    MSG_PARAMS_MAX = 64,    /* parameters of one Via, From or To element or URI */
    MSG_ELEMENTS_MAX = 128, /* comma-separated elements of one header in all its lines */
};

/* Understands one datagram (stream: one framed message). Copies it into a new arena.
 * On success *ret is the message; free with msg_free. On failure *ret is NULL, *fault says why, and
 * *reply_to, if it isn't NULL, is set to a message from which a response to `fault->status` can be
 * built (Via, From, To, Call-ID, CSeq as far as there) or to NULL; free it too.
 * Octets past Content-Length of a datagram are cut off (RFC 3261 §18.3). Leading CRLFs are skipped.
 * ERR_INVALID, ERR_TOO_LARGE, ERR_NOMEM. */
MUST_CHECK int msg_parse(struct span datagram, struct msg **ret, struct msg_fault *fault,
                         struct msg **reply_to);
void msg_free(struct msg *m); /* accepts NULL; frees the arena, the message included */

/* First header line with this id, or NULL. */
const struct header_line *msg_header(const struct msg *m, enum header id);

/* Walks comma-separated elements of all lines of one header, in order. */
struct element {
    const struct header_line *line;
    struct span text; /* trimmed */
    bool only;        /* no other element shares its line */
    size_t next_line; /* private */
    struct span rest; /* private */
};
bool msg_element_first(const struct msg *m, enum header id, struct element *ret);
bool msg_element_next(const struct msg *m, enum header id, struct element *e);

/* Reads a Via element. ERR_INVALID. */
MUST_CHECK int msg_read_via(const struct msg *m, struct span text, struct via *ret);
/* Reads "Name" <uri>;params or uri;params (From, To, Contact, Route). ERR_INVALID. */
MUST_CHECK int msg_read_name_addr(const struct msg *m, struct span text, struct name_addr *ret);
/* Reads a URI. ERR_INVALID. Schemes but sip, sips and tel: scheme and text alone are set. */
MUST_CHECK int msg_read_uri(const struct msg *m, struct span text, struct uri *ret);

/* Value of parameter `name` among ";a=b;c": true when present; *ret_value empty without '='. */
bool msg_param(struct span params, const char *name, struct span *ret_value);

const char *msg_method_name(enum method method); /* "OTHER" for METHOD_OTHER */
enum method msg_method(struct span text);        /* case-sensitive (RFC 3261 §7.1) */
const char *msg_reason(int status);              /* standard reason phrase, "" if unknown */

#endif
