#include "audit_param.h"

#include "card.h"

enum { VALUE_MAX = 128 };              /* bytes shown of a value */
enum { CARD_MIN = 12, CARD_MAX = 19 }; /* digits */

static bool is_plain(char c)
{
    char folded = (char)(c | 0x20);
    return (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~,:/*", c));
}

/* Digits in a row, with blanks and dashes between, that could be a card's number: somebody put it
 * where none belongs. */
static bool holds_card(struct span value)
{
    char digits[CARD_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i <= value.n; i++) {
        char c = i < value.n ? value.p[i] : '\0';
        if (c == ' ' || c == '-')
            continue;
        bool digit = c >= '0' && c <= '9';
        if (digit && n < sizeof(digits))
            digits[n++] = c;
        if (!digit && n >= CARD_MIN && n <= CARD_MAX && card_luhn((struct span){digits, n}))
            return true;
        n = digit ? n : 0;
    }
    return false;
}

void audit_param(FILE *out, const char *name, struct span value)
{
    if (holds_card(value))
        value = SPAN_LIT(AUDIT_HIDDEN);
    fprintf(out, "%s%s=", ftell(out) > 0 ? "&" : "", name);
    for (size_t i = 0; i < value.n && i < VALUE_MAX; i++)
        fprintf(out, is_plain(value.p[i]) ? "%c" : "%%%02X", (unsigned char)value.p[i]);
    if (value.n > VALUE_MAX)
        fputs("...", out);
}
