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

bool utf8_has_control(struct span s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n; i++) {
        bool c1 = p[i] == 0xc2 && i + 1 < s.n && p[i + 1] < 0xa0;
        bool separator = p[i] == 0xe2 && i + 2 < s.n && p[i + 1] == 0x80 && (p[i + 2] | 1) == 0xa9;
        if (p[i] < 0x20 || p[i] == 0x7f || c1 || separator)
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
