/* Character classes of RFC 3261 §25.1 and a cursor over text, for the msg*.c files alone. */
#ifndef TRUNKLINE_MSG_CHARS_H
#define TRUNKLINE_MSG_CHARS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

enum char_class {
    CHAR_TOKEN = 1, /* token */
    CHAR_DIGIT = 2, /* 0-9 */
    CHAR_HEX = 4,   /* 0-9 A-F a-f */
    CHAR_ALPHA = 8, /* A-Z a-z */
    CHAR_HOST = 16, /* host name or IPv4 address; '_' is seen in the field */
    CHAR_USER = 32, /* user part; '#' is not in the grammar but begins many dialling prefixes */
    CHAR_URI_PARAM = 64,     /* name of a URI parameter */
    CHAR_VALUE = 128,        /* unquoted value of a header's parameter; wider than token */
    CHAR_URI = 256,          /* anything inside <> */
    CHAR_CALL_ID = 512,      /* visible ASCII: nobody gains by refusing odd Call-IDs */
    CHAR_DISPLAY = 1024,     /* unquoted display name: what cannot change how the rest is read */
    CHAR_SPACE = 2048,       /* SP, HT and, inside folded values, CR and LF */
    CHAR_TEL = 4096,         /* digits and visual separators of a telephone number (RFC 3966) */
    CHAR_URI_VALUE = 8192,   /* value of a URI parameter; '=' is seen in the field */
    CHAR_URI_HEADER = 16384, /* what follows '?' in a URI */
};

extern const uint16_t char_classes[256];

static inline bool char_is(char c, unsigned classes)
{
    return (char_classes[(unsigned char)c] & classes) != 0;
}

/* The span itself is the cursor: these take from its front. */
void cursor_skip_space(struct span *s);
bool cursor_take(struct span *s, char c);                 /* this one character, or nothing */
struct span cursor_run(struct span *s, unsigned classes); /* longest run, may be empty */
struct span cursor_to(struct span *s, const char *p);     /* up to p, which lies in s */
bool cursor_quoted(struct span *s, struct span *ret);     /* "quoted string", quotes included */

bool chars_all(struct span s, unsigned classes);
/* As chars_all, and each '%' is followed by two hexadecimal digits. */
bool chars_all_escaped(struct span s, unsigned classes);

/* Takes one ";name=value" or ";name"; value empty without '='. ERR_NOT_FOUND at the end. */
struct param {
    struct span name, value;
};
MUST_CHECK int cursor_param(struct span *s, struct param *ret); /* of a header: spaces, quotes */
MUST_CHECK int cursor_uri_param(struct span *s, struct param *ret); /* of a URI: neither */

#endif
