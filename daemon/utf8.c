#include "utf8.h"

/* Length of the sequence that starts at s.p[0], 0 if it is not well formed. */
static size_t sequence(struct span s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;
    if (n == 0 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] > 0x9f;
    bool too_high = p[0] == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || too_high ? 0 : n;
}

bool utf8_valid(struct span s)
{
    for (size_t i = 0, n; i < s.n; i += n) {
        n = sequence((struct span){s.p + i, s.n - i});
        if (!n)
            return false;
    }
    return true;
}

/* The first character of a sequence of n bytes. */
static uint32_t decode(const char *p, size_t n)
{
    uint32_t c = (unsigned char)p[0];
    if (n > 1)
        c &= 0x7fU >> n;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3fU);
    return c;
}

static bool is_control(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0,       0x1f   },
        {0x7f,    0x9f   },
        {0xad,    0xad   }, /* soft hyphen */
        {0x61c,   0x61c  },
        {0x200b,  0x200b },
        {0x200e,  0x200f }, /* marks of direction */
        {0x2028,  0x202e }, /* separators; embedding and override of direction */
        {0x2060,  0x206f }, /* isolation of direction */
        {0xfeff,  0xfeff },
        {0xfff9,  0xfffb },
        {0xe0000, 0xe007f}, /* tags */
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    }
    return false;
}

bool utf8_has_control(struct span s)
{
    for (size_t i = 0, n; i < s.n; i += n) {
        n = sequence((struct span){s.p + i, s.n - i});
        n = n ? n : 1;
        uint32_t c = decode(s.p + i, n);
        bool stray = n == 1 && c >= 0x80;
        if (!stray && is_control(c))
            return true;
    }
    return false;
}

size_t utf8_count(struct span s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return count;
}

size_t utf8_encode(uint32_t c, char *buf)
{
    if (c < 0x80) {
        buf[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        buf[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    buf[0] = (char)(lead[n] | c);
    return n;
}
