#include "msg_chars.h"

#define IN_URI (CHAR_URI_PARAM | CHAR_URI_VALUE | CHAR_URI_HEADER)
#define EVERYWHERE                                                                                 \
    (CHAR_TOKEN | CHAR_HOST | CHAR_USER | IN_URI | CHAR_VALUE | CHAR_URI | CHAR_CALL_ID |          \
     CHAR_DISPLAY)
#define VISIBLE (CHAR_VALUE | CHAR_URI | CHAR_CALL_ID)
#define MARK    (VISIBLE | CHAR_TOKEN | CHAR_USER | IN_URI | CHAR_DISPLAY)
#define DIGIT   (EVERYWHERE | CHAR_DIGIT | CHAR_HEX | CHAR_TEL)
#define LETTER  (EVERYWHERE | CHAR_ALPHA)

const uint16_t char_classes[256] = {
    [' '] = CHAR_SPACE | CHAR_DISPLAY,
    ['\t'] = CHAR_SPACE | CHAR_DISPLAY,
    ['\r'] = CHAR_SPACE | CHAR_DISPLAY,
    ['\n'] = CHAR_SPACE | CHAR_DISPLAY,
    ['0' ... '9'] = DIGIT,
    ['A' ... 'F'] = LETTER | CHAR_HEX | CHAR_TEL,
    ['G' ... 'Z'] = LETTER,
    ['a' ... 'f'] = LETTER | CHAR_HEX | CHAR_TEL,
    ['g' ... 'z'] = LETTER,
    ['-'] = EVERYWHERE | CHAR_TEL,
    ['.'] = EVERYWHERE | CHAR_TEL,
    ['_'] = EVERYWHERE,
    ['!'] = MARK,
    ['~'] = MARK,
    ['*'] = MARK | CHAR_TEL,
    ['\''] = MARK,
    ['%'] = MARK,
    ['+'] = MARK | CHAR_TEL,
    ['`'] = VISIBLE | CHAR_TOKEN | CHAR_DISPLAY,
    ['('] = VISIBLE | CHAR_USER | IN_URI | CHAR_DISPLAY | CHAR_TEL,
    [')'] = VISIBLE | CHAR_USER | IN_URI | CHAR_DISPLAY | CHAR_TEL,
    ['&'] = VISIBLE | CHAR_USER | IN_URI | CHAR_DISPLAY,
    ['$'] = VISIBLE | CHAR_USER | IN_URI | CHAR_DISPLAY,
    ['/'] = VISIBLE | CHAR_USER | IN_URI | CHAR_DISPLAY,
    ['='] = VISIBLE | CHAR_USER | CHAR_URI_VALUE | CHAR_URI_HEADER,
    ['#'] = VISIBLE | CHAR_USER | CHAR_DISPLAY | CHAR_TEL,
    ['?'] = VISIBLE | CHAR_USER | CHAR_URI_HEADER,
    [','] = CHAR_URI | CHAR_CALL_ID | CHAR_USER | IN_URI,
    [';'] = CHAR_URI | CHAR_CALL_ID | CHAR_USER,
    [':'] = VISIBLE | IN_URI,
    ['['] = VISIBLE | IN_URI,
    [']'] = VISIBLE | IN_URI,
    ['@'] = VISIBLE,
    ['^'] = VISIBLE | CHAR_DISPLAY,
    ['{'] = VISIBLE | CHAR_DISPLAY,
    ['|'] = VISIBLE | CHAR_DISPLAY,
    ['}'] = VISIBLE | CHAR_DISPLAY,
    ['\\'] = CHAR_URI | CHAR_CALL_ID,
    ['"'] = CHAR_CALL_ID,
    ['<'] = CHAR_CALL_ID,
    ['>'] = CHAR_CALL_ID,
    [0x80 ... 0xff] = CHAR_DISPLAY,
};

struct span cursor_run(struct span *s, unsigned classes)
{
    struct span head = {s->p, 0};

    while (s->n > 0 && char_is(*s->p, classes)) {
        s->p++;
        s->n--;
        head.n++;
    }
    return head;
}

struct span cursor_to(struct span *s, const char *p)
{
    struct span head = {s->p, (size_t)(p - s->p)};

    s->n -= head.n;
    s->p = p;
    return head;
}

void cursor_skip_space(struct span *s)
{
    while (s->n > 0 && char_is(*s->p, CHAR_SPACE)) {
        s->p++;
        s->n--;
    }
}

bool cursor_take(struct span *s, char c)
{
    if (s->n == 0 || *s->p != c)
        return false;
    s->p++;
    s->n--;
    return true;
}

bool cursor_quoted(struct span *s, struct span *ret)
{
    size_t i = 1;

    if (s->n == 0 || *s->p != '"')
        return false;
    while (i < s->n && s->p[i] != '"')
        i += s->p[i] == '\\' ? 2 : 1;
    if (i >= s->n)
        return false;
    *ret = cursor_to(s, s->p + i + 1);
    return true;
}

bool chars_all(struct span s, unsigned classes)
{
    cursor_run(&s, classes);
    return s.n == 0;
}

bool chars_all_escaped(struct span s, unsigned classes)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is(s.p[i], classes))
            return false;
        if (s.p[i] != '%')
            continue;
        if (s.n - i < 3 || !char_is(s.p[i + 1], CHAR_HEX) || !char_is(s.p[i + 2], CHAR_HEX))
            return false;
        i += 2;
    }
    return true;
}

static int param_value(struct span *s, struct param *ret)
{
    struct span after = *s;

    cursor_skip_space(&after);
    if (!cursor_take(&after, '='))
        return 0;
    cursor_skip_space(&after);
    if (!cursor_quoted(&after, &ret->value))
        ret->value = cursor_run(&after, CHAR_VALUE);
    *s = after;
    return ret->value.n > 0 ? 0 : ERR_INVALID;
}

int cursor_param(struct span *s, struct param *ret)
{
    struct param p = {0};
    int err;

    cursor_skip_space(s);
    if (s->n == 0)
        return ERR_NOT_FOUND;
    if (!cursor_take(s, ';'))
        return ERR_INVALID;
    cursor_skip_space(s);
    p.name = cursor_run(s, CHAR_TOKEN);
    if (p.name.n == 0)
        return ERR_INVALID;
    err = param_value(s, &p);
    if (err)
        return err;
    *ret = p;
    return 0;
}

int cursor_uri_param(struct span *s, struct param *ret)
{
    struct param p = {0};

    if (s->n == 0)
        return ERR_NOT_FOUND;
    if (!cursor_take(s, ';'))
        return ERR_INVALID;
    p.name = cursor_run(s, CHAR_URI_PARAM);
    if (p.name.n == 0 || !chars_all_escaped(p.name, CHAR_URI_PARAM))
        return ERR_INVALID;
    if (cursor_take(s, '=')) {
        p.value = cursor_run(s, CHAR_URI_VALUE);
        if (p.value.n == 0 || !chars_all_escaped(p.value, CHAR_URI_VALUE))
            return ERR_INVALID;
    }
    *ret = p;
    return 0;
}
