#include "dial.h"

#include "out.h"

enum { TEXT = 48, SHORT_MAX = 6, NATIONAL_DIGITS = 7, GLOBAL_MIN = 7 };

static int hex_digit(char ch)
{
    const char *digits = "0123456789abcdef", *at = ch ? strchr(digits, ch | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Escapes resolved (RFC 3261 §19.1.4), visual separators dropped, up to the first parameter. */
static void put_user(struct out *o, struct span user)
{
    struct span part = {0};
    (void)span_cut(&user, ';', &part);
    for (size_t i = 0; i < part.n; i++) {
        char ch = part.p[i];
        if (ch == '%' && part.n - i > 2 && hex_digit(part.p[i + 1]) >= 0 &&
            hex_digit(part.p[i + 2]) >= 0) {
            ch = (char)(hex_digit(part.p[i + 1]) * 16 + hex_digit(part.p[i + 2]));
            i += 2;
        }
        if (ch == '\0' || !strchr("-.()", ch))
            out_span(o, (struct span){&ch, 1});
    }
}

/* The phone-context when it is the head of a global number; others are names of domains. */
static struct span context_of(const struct uri *u)
{
    struct span value = {0};
    if (!msg_param(u->user_params, "phone-context", &value))
        (void)msg_param(u->params, "phone-context", &value);
    return value.n > 1 && value.p[0] == '+' ? value : (struct span){0};
}

/* A local number behind the head that its context gives it (RFC 3966 §5.1.5). A complete NANP
 * number in the context of +1 is left as it is: many write it so. */
static struct span dialled(const struct uri *u, char buf[TEXT])
{
    struct out o = {.buf = buf, .cap = TEXT};
    struct span context = context_of(u);
    struct phone nanp;
    put_user(&o, u->user);
    struct span user = out_done(&o);
    bool global = user.n > 0 && user.p[0] == '+';
    if (context.n == 0 || global || user.n == 0 ||
        (context.p[1] == '1' && phone_parse(user, &nanp) == ERR_OK))
        return user;
    char local[TEXT];
    size_t n = user.n;
    memcpy(local, user.p, n);
    o.n = 0;
    out_span(&o, context);
    out_span(&o, (struct span){local, n});
    return out_done(&o);
}

static bool all_digits(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n > 0;
}

enum dial dial_inbound(const struct uri *u, struct phone *ret)
{
    char buf[TEXT];
    return phone_parse(dialled(u, buf), ret) == ERR_OK ? DIAL_NUMBER : DIAL_INVALID;
}

/* Country code and on; country 1 is NANP, and no country's begins with 0. */
static enum dial global(struct span digits, char ret[PHONE_E164_MAX + 1])
{
    struct phone nanp;
    if (!all_digits(digits) || digits.n < GLOBAL_MIN || digits.n > PHONE_E164_MAX ||
        digits.p[0] == '0')
        return DIAL_INVALID;
    if (digits.p[0] == '1' && phone_parse(digits, &nanp) != ERR_OK)
        return DIAL_INVALID;
    return span_copy(digits, ret, PHONE_E164_MAX + 1) ? DIAL_NUMBER : DIAL_INVALID;
}

enum dial dial_outbound(const struct uri *u, char ret[PHONE_E164_MAX + 1])
{
    struct span international = SPAN_LIT("011");
    char buf[TEXT];
    struct span s = dialled(u, buf);
    struct phone nanp;
    if (s.n > 0 && s.p[0] == '+')
        return global((struct span){s.p + 1, s.n - 1}, ret);
    if (!all_digits(s))
        return DIAL_INVALID;
    if (s.n >= 3 && s.n <= SHORT_MAX)
        return DIAL_SERVICE;
    if (phone_parse(s, &nanp) == ERR_OK)
        return phone_e164(s, ret) == ERR_OK ? DIAL_NUMBER : DIAL_INVALID;
    if (span_starts_nocase(s, international))
        return global((struct span){s.p + international.n, s.n - international.n}, ret);
    return s.n == NATIONAL_DIGITS ? DIAL_INVALID : global(s, ret);
}
