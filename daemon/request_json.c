/* Flat JSON objects (RFC 8259). A parser of our own, because jansson turns numbers into doubles, so
 * that neither "12.10" nor a 20-digit identifier keeps its text, and can't tell which name was
 * repeated or nested. */
#include "request.h"

#include "utf8.h"

enum { NESTING_MAX = 32 };

struct json {
    struct scratch *mem;
    const char *p, *end;
};

static bool json_value_skip(struct json *j, int depth);

static void json_space(struct json *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\r' || *j->p == '\n'))
        j->p++;
}

static bool json_char(struct json *j, char c)
{
    json_space(j);
    if (j->p == j->end || *j->p != c)
        return false;
    j->p++;
    return true;
}

static bool json_word(struct json *j, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
        return false;
    j->p += n;
    return true;
}

static bool json_hex4(struct json *j, uint32_t *ret)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++, j->p++) {
        if (j->p == j->end)
            return false;
        char c = *j->p;
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            v = v << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return false;
    }
    *ret = v;
    return true;
}

/* After "\u": one code point, from a surrogate pair where it takes two. */
static bool json_unicode(struct json *j, uint32_t *ret)
{
    uint32_t high, low;
    if (!json_hex4(j, &high) || (high >= 0xdc00 && high <= 0xdfff))
        return false;
    *ret = high;
    if (high < 0xd800 || high > 0xdbff)
        return true;
    if (!json_word(j, "\\u") || !json_hex4(j, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* After a backslash; appends to out. Returns bytes written, 0 when malformed. */
static size_t json_escape(struct json *j, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (j->p == j->end)
        return 0;
    char c = *j->p++;
    if (c == 'u') {
        uint32_t character;
        return json_unicode(j, &character) ? utf8_encode(character, out) : 0;
    }
    const char *at = c ? strchr(from, c) : NULL;
    if (!at)
        return 0;
    *out = to[at - from];
    return 1;
}

/* Bytes up to the closing quote. */
static size_t json_string_size(const struct json *j)
{
    const char *p = j->p;
    while (p < j->end && *p != '"')
        p += *p == '\\' && j->end - p > 1 ? 2 : 1;
    return (size_t)(p - j->p);
}

/* After the opening quote. An escape is never shorter than what it stands for. */
static bool json_string(struct json *j, struct span *ret)
{
    char *out = scratch_alloc(j->mem, json_string_size(j));
    size_t n = 0;
    while (out && j->p < j->end && *j->p != '"') {
        char c = *j->p++;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\') {
            out[n++] = c;
            continue;
        }
        size_t written = json_escape(j, out + n);
        if (!written)
            return false;
        n += written;
    }
    if (!out || j->p == j->end)
        return false;
    j->p++;
    *ret = (struct span){out, n};
    return true;
}

static bool json_digits(struct json *j)
{
    const char *start = j->p;
    while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
        j->p++;
    return j->p > start;
}

static bool json_number(struct json *j, struct span *ret)
{
    const char *start = j->p;
    if (*j->p == '-')
        j->p++;
    bool zero = j->p < j->end && *j->p == '0';
    const char *digits = j->p;
    if (!json_digits(j) || (zero && j->p - digits > 1))
        return false;
    if (j->p < j->end && *j->p == '.') {
        j->p++;
        if (!json_digits(j))
            return false;
    }
    if (j->p < j->end && (*j->p | 0x20) == 'e') {
        j->p++;
        if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
            j->p++;
        if (!json_digits(j))
            return false;
    }
    *ret = (struct span){start, (size_t)(j->p - start)};
    return true;
}

/* A string, number or boolean as its text; null as nothing. */
static bool json_scalar(struct json *j, struct span *ret)
{
    if (j->p == j->end)
        return false;
    switch (*j->p) {
    case '"':
        j->p++;
        return json_string(j, ret);
    case 't':
        *ret = SPAN_LIT("true");
        return json_word(j, "true");
    case 'f':
        *ret = SPAN_LIT("false");
        return json_word(j, "false");
    case 'n':
        *ret = SPAN_LIT("");
        return json_word(j, "null");
    default:
        return json_number(j, ret);
    }
}

/* After '[' or '{'. */
static bool json_container_skip(struct json *j, char close, int depth)
{
    struct span ignored;
    if (depth > NESTING_MAX)
        return false;
    if (json_char(j, close))
        return true;
    do {
        if (close == '}' && !(json_char(j, '"') && json_string(j, &ignored) && json_char(j, ':')))
            return false;
        if (!json_value_skip(j, depth))
            return false;
    } while (json_char(j, ','));
    return json_char(j, close);
}

static bool json_value_skip(struct json *j, int depth)
{
    struct span ignored;
    if (json_char(j, '['))
        return json_container_skip(j, ']', depth + 1);
    if (json_char(j, '{'))
        return json_container_skip(j, '}', depth + 1);
    return json_scalar(j, &ignored);
}

static bool json_member(struct json *j, struct request_param *p)
{
    if (!json_char(j, '"') || !json_string(j, &p->name) || !json_char(j, ':'))
        return false;
    json_space(j);
    if (j->p < j->end && (*j->p == '[' || *j->p == '{')) {
        p->flaw = REQUEST_NESTED;
        return json_value_skip(j, 0);
    }
    return json_scalar(j, &p->value);
}

int request_json(struct request *r, struct span body)
{
    static const char malformed[] = "the body is no JSON object";
    struct json j = {r->mem, body.p, body.p + body.n};
    if (!json_char(&j, '{'))
        return request_malformed(r, malformed);
    bool empty = json_char(&j, '}');
    while (!empty) {
        struct request_param p = {0};
        if (!json_member(&j, &p))
            return request_malformed(r, malformed);
        int err = request_add(r, &p);
        if (err != ERR_OK)
            return err;
        if (!json_char(&j, ','))
            break;
    }
    if (!empty && !json_char(&j, '}'))
        return request_malformed(r, malformed);
    json_space(&j);
    return j.p == j.end ? ERR_OK : request_malformed(r, malformed);
}
