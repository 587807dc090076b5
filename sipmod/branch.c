#include "branch.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define COOKIE "z9hG4bKtl"

enum { COOKIE_LEN = sizeof COOKIE - 1, ID_HEX = 16, LOOP_HEX = 8, ID_POOL = 64, HEAD_MAX = 2048 };

uint64_t branch_new_id(void)
{
    static uint64_t pool[ID_POOL];
    static size_t left;
    if (left == 0) {
        if (getrandom(pool, sizeof pool, 0) != (ssize_t)sizeof pool)
            __builtin_trap(); /* only fails for a bad address */
        left = ID_POOL;
    }
    return pool[--left];
}

static char *put_hex(char *p, uint64_t v, int digits)
{
    for (int i = digits - 1; i >= 0; i--, v >>= 4)
        p[i] = "0123456789abcdef"[v & 15];
    return p + digits;
}

static bool read_hex(const char *p, int digits, uint64_t *ret)
{
    uint64_t v = 0;
    for (int i = 0; i < digits; i++) {
        char c = p[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret = v;
    return true;
}

const char *branch_text(uint64_t id, uint32_t loop, char buf[BRANCH_TEXT])
{
    memcpy(buf, COOKIE, COOKIE_LEN);
    char *p = put_hex(buf + COOKIE_LEN, id, ID_HEX);
    *p++ = '.';
    p = put_hex(p, loop, LOOP_HEX);
    *p = '\0';
    return buf;
}

bool branch_read(struct span branch, uint64_t *ret_id, uint32_t *ret_loop)
{
    uint64_t id, loop;
    if (branch.n != COOKIE_LEN + ID_HEX + 1 + LOOP_HEX || memcmp(branch.p, COOKIE, COOKIE_LEN) != 0)
        return false;
    const char *p = branch.p + COOKIE_LEN;
    if (!read_hex(p, ID_HEX, &id) || p[ID_HEX] != '.' || !read_hex(p + ID_HEX + 1, LOOP_HEX, &loop))
        return false;
    *ret_id = id;
    *ret_loop = (uint32_t)loop;
    return true;
}

bool branch_in_head(struct span bytes, uint64_t *ret_id)
{
    size_t left = bytes.n < HEAD_MAX ? bytes.n : HEAD_MAX;
    const char *at = memmem(bytes.p, left, COOKIE, COOKIE_LEN);
    return at && (size_t)(bytes.p + bytes.n - at) >= COOKIE_LEN + ID_HEX &&
           read_hex(at + COOKIE_LEN, ID_HEX, ret_id);
}

uint64_t branch_hash(uint64_t h, struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ULL;
    return (h ^ 0xff) * 0x100000001b3ULL; /* separates one part from the next */
}

uint32_t branch_loop_hash(const struct msg *m)
{
    uint64_t h = BRANCH_HASH_START;
    struct element route;
    h = branch_hash(h, m->uri_text);
    if (msg_element_first(m, HEADER_ROUTE, &route))
        h = branch_hash(h, route.text);
    h = branch_hash(h, m->from.tag);
    h = branch_hash(h, m->to.tag);
    h = branch_hash(h, m->call_id);
    h = branch_hash(h, (struct span){(const char *)&m->cseq, sizeof m->cseq});
    return (uint32_t)(h ^ h >> 32);
}

uint64_t branch_request_hash(const struct msg *m)
{
    uint64_t h = branch_hash(BRANCH_HASH_START, m->via.branch);
    h = branch_hash(branch_hash(h, m->via.host), m->call_id);
    return branch_hash(h, (struct span){(const char *)&m->cseq, sizeof m->cseq});
}
