#include "capture_find.h"

#include "rr.h"

enum { HEAD_MAX = 16384, DIGITS_MAX = 20 };

/* Cuts the first line off, without its end. False: there is none, or the header is over. */
static bool cut_line(struct span *rest, struct span *ret)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    if (!end)
        return false;
    *ret = span_trim((struct span){rest->p, (size_t)(end - rest->p)});
    rest->n -= (size_t)(end + 1 - rest->p);
    rest->p = end + 1;
    return ret->n > 0;
}

/* A header's value, by its long or its compact name; empty: it is another's. */
static struct span value_of(struct span line, struct span name, struct span compact)
{
    struct span head;
    if ((line.p[0] | 0x20) != (name.p[0] | 0x20) && (line.p[0] | 0x20) != compact.p[0])
        return (struct span){0};
    struct span rest = line;
    if (!span_cut(&rest, ':', &head) ||
        !(span_eq_nocase(head, name) || span_eq_nocase(head, compact)))
        return (struct span){0};
    return span_trim(rest);
}

static struct span find_header(struct span message, struct span name, struct span compact)
{
    struct span rest = message, line, value;
    rest.n = rest.n < HEAD_MAX ? rest.n : HEAD_MAX;
    if (!cut_line(&rest, &line))
        return (struct span){0};
    while (cut_line(&rest, &line)) {
        value = value_of(line, name, compact);
        if (value.n)
            return value;
    }
    return (struct span){0};
}

struct span capture_find_call_id(struct span message)
{
    struct span id = find_header(message, SPAN_LIT("Call-ID"), SPAN_LIT("i"));
    for (size_t i = 0; i < id.n; i++) {
        if ((unsigned char)id.p[i] <= ' ' || id.p[i] == 0x7f)
            return (struct span){0};
    }
    return id.n <= CAPTURE_CALL_ID ? id : (struct span){0};
}

/* ---- numbers ---- */

/* Digits of the user part of the first sip, sips or tel URI in a text. */
static size_t user_digits(struct span text, char digits[DIGITS_MAX])
{
    struct span rest = text, scheme;
    size_t n = 0;
    (void)span_cut(&rest, ':', &scheme);
    for (size_t i = 0; i < rest.n && rest.p[i] && !strchr("@;>? ", rest.p[i]); i++) {
        if (rest.p[i] < '0' || rest.p[i] > '9')
            continue;
        if (n == DIGITS_MAX)
            return 0;
        digits[n++] = rest.p[i];
    }
    return n;
}

static bool is_number(struct span text, struct span digits)
{
    char buf[DIGITS_MAX] = "";
    struct span user = {buf, user_digits(text, buf)};
    if (user.n == digits.n + 1 && user.p[0] == '1')
        user = (struct span){user.p + 1, user.n - 1};
    else if (digits.n == user.n + 1 && digits.p[0] == '1')
        digits = (struct span){digits.p + 1, digits.n - 1};
    return user.n > 0 && span_eq(user, digits);
}

bool capture_find_number(struct span message, struct span digits)
{
    struct span rest = message, line;
    rest.n = rest.n < HEAD_MAX ? rest.n : HEAD_MAX;
    if (message.n < 7 || memcmp(message.p, "INVITE ", 7) != 0 || !cut_line(&rest, &line))
        return false;
    return is_number(line, digits) ||
           is_number(find_header(message, SPAN_LIT("From"), SPAN_LIT("f")), digits);
}

bool capture_find_call(struct span message, struct span call)
{
    const char *at = call.n ? memmem(message.p, message.n, call.p, call.n) : NULL;
    return at && memmem(message.p, (size_t)(at - message.p), ";tl=", 4) != NULL;
}

struct span capture_find_id(struct span message)
{
    const char *at = memmem(message.p, message.n, ";tl=", 4);
    struct span rest = {at, at ? (size_t)(message.p + message.n - at) : 0}, accounts, id;
    bool found =
        at && span_cut(&rest, '.', &accounts) && span_cut(&rest, '.', &id) && id.n == RR_CALL_ID;
    return found ? id : (struct span){0};
}
