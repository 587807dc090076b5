#include "link.h"

#include <inttypes.h>
#include <stdio.h>

#include "num.h"
#include "secret.h"

enum { SIGNATURE_BYTES = 16, LINK_MAX = 1024 };

/* The secret signs other things, too: a purpose in front keeps them apart. */
static bool sign(const char *secret, struct span text, char ret[2 * SIGNATURE_BYTES + 1])
{
    static const char purpose[] = "file link\n";
    char signed_text[sizeof(purpose) + LINK_MAX];
    size_t n = sizeof(purpose) - 1;
    if (text.n > LINK_MAX || !*secret)
        return false;
    memcpy(signed_text, purpose, n);
    memcpy(signed_text + n, text.p, text.n);
    secret_hmac_hex(span_of(secret), (struct span){signed_text, n + text.n}, SIGNATURE_BYTES, ret);
    return true;
}

char *link_make(struct scratch *mem, const char *secret, const char *base, const char *path,
                int64_t expires_s)
{
    char signature[2 * SIGNATURE_BYTES + 1];
    char *target =
        scratch_printf(mem, "%s%cexpires=%" PRId64, path, strchr(path, '?') ? '&' : '?', expires_s);
    if (!target || !sign(secret, span_of(target), signature))
        return NULL;
    return scratch_printf(mem, "%s%s&signature=%s", base, target, signature);
}

struct span link_value(struct span query, const char *name)
{
    struct span rest = query, pair, key;
    while (span_cut(&rest, '&', &pair)) {
        struct span value = pair;
        if (span_cut(&value, '=', &key) && span_eq(key, span_of(name)))
            return value;
    }
    return (struct span){"", 0};
}

bool link_check(const char *secret, struct span path, struct span query, int64_t now_s)
{
    static const char mark[] = "&signature=";
    enum { TAIL = sizeof(mark) - 1 + 2 * SIGNATURE_BYTES };
    char target[LINK_MAX], signature[2 * SIGNATURE_BYTES + 1];
    int64_t expires_s;
    if (query.n <= TAIL || memcmp(query.p + query.n - TAIL, mark, sizeof(mark) - 1) != 0)
        return false;
    struct span given = {query.p + query.n - 2 * SIGNATURE_BYTES, 2 * SIGNATURE_BYTES};
    int n = snprintf(target, sizeof(target), "%.*s?%.*s", (int)path.n, path.p,
                     (int)(query.n - TAIL), query.p);
    if (n < 0 || (size_t)n >= sizeof(target) ||
        !sign(secret, (struct span){target, (size_t)n}, signature) ||
        !secret_eq(given, span_of(signature)))
        return false;
    struct span expires = link_value((struct span){query.p, query.n - TAIL}, "expires");
    return num_parse(expires, 0, INT64_MAX, &expires_s) == ERR_OK && now_s < expires_s;
}
