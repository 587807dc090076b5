#include "event.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "num.h"
#include "out.h"

enum { CRC_DIGITS = 8 };

static uint32_t crc32(struct span s) /* IEEE 802.3 */
{
    uint32_t crc = ~0U;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

static int64_t wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A text with a tab after it; control characters in it would end a field. */
static void put_text(struct out *o, const char *text)
{
    for (; *text; text++) {
        char c = (unsigned char)*text < ' ' ? '?' : *text;
        out_span(o, (struct span){&c, 1});
    }
    out_text(o, "\t");
}

size_t event_write(const struct event *e, const char *machine, char buf[EVENT_LINE])
{
    struct out o = {.buf = buf + CRC_DIGITS + 1, .cap = EVENT_LINE - CRC_DIGITS - 1};
    char crc[CRC_DIGITS + 2];
    out_format(&o, "%s\t%" PRId64 "\t%" PRId64 "\t%s\t", e->finish ? "finish" : "answer",
               e->happened, wall_ms() - (clock_boot_ms() - e->happened), machine);
    put_text(&o, e->account);
    put_text(&o, e->call);
    put_text(&o, e->target);
    put_text(&o, e->attempts);
    put_text(&o, e->upstream);
    put_text(&o, e->reason);
    put_text(&o, e->by);
    out_format(&o, "%d\t%" PRId64, e->code, e->pdd_ms);
    struct span fields = out_done(&o);
    snprintf(crc, sizeof crc, "%08x\t", crc32(fields));
    memcpy(buf, crc, CRC_DIGITS + 1);
    out_text(&o, "\n");
    return CRC_DIGITS + 1 + out_done(&o).n;
}

/* span_cut trims, and says no at an empty rest: fields may be empty. */
static bool cut(struct span *rest, struct span *ret)
{
    const char *tab = rest->p ? memchr(rest->p, '\t', rest->n) : NULL;
    if (!rest->p)
        return false;
    size_t n = tab ? (size_t)(tab - rest->p) : rest->n;
    *ret = (struct span){rest->p, n};
    *rest = tab ? (struct span){tab + 1, rest->n - n - 1} : (struct span){NULL, 0};
    return true;
}

static bool cut_text(struct span *rest, char *ret, size_t cap)
{
    struct span s;
    return cut(rest, &s) && span_copy(s, ret, cap);
}

static bool cut_int(struct span *rest, int64_t *ret)
{
    struct span s;
    return cut(rest, &s) && num_parse_signed(s, INT64_MIN / 2, INT64_MAX / 2, ret) == ERR_OK;
}

static bool read_fields(struct span rest, struct event *e, int64_t *wall, char *machine)
{
    struct span kind;
    int64_t code;
    if (!cut(&rest, &kind) || !cut_int(&rest, &e->happened) || !cut_int(&rest, wall) ||
        !cut_text(&rest, machine, EVENT_MACHINE) ||
        !cut_text(&rest, e->account, sizeof e->account) ||
        !cut_text(&rest, e->call, sizeof e->call) ||
        !cut_text(&rest, e->target, sizeof e->target) ||
        !cut_text(&rest, e->attempts, sizeof e->attempts) ||
        !cut_text(&rest, e->upstream, sizeof e->upstream) ||
        !cut_text(&rest, e->reason, sizeof e->reason) || !cut_text(&rest, e->by, sizeof e->by) ||
        !cut_int(&rest, &code) || !cut_int(&rest, &e->pdd_ms) || rest.p)
        return false;
    e->code = (int)code;
    e->finish = span_eq(kind, SPAN_LIT("finish"));
    return e->finish || span_eq(kind, SPAN_LIT("answer"));
}

int event_read(struct span line, const char *machine, struct event *ret)
{
    struct event e = {0};
    char then[EVENT_MACHINE], expected[CRC_DIGITS + 1];
    struct span crc, fields = line;
    int64_t wall;
    if (!cut(&fields, &crc))
        return ERR_INVALID;
    snprintf(expected, sizeof expected, "%08x", crc32(fields));
    if (!span_eq(crc, span_of(expected)) || !read_fields(fields, &e, &wall, then))
        return ERR_INVALID;
    if (strcmp(then, machine) != 0) {
        e.happened = clock_boot_ms() - (wall_ms() - wall);
        e.estimated = e.finish;
    }
    *ret = e;
    return ERR_OK;
}

void event_machine(char ret[EVENT_MACHINE])
{
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    ret[0] = '\0';
    if (f && fgets(ret, EVENT_MACHINE, f))
        ret[strcspn(ret, "\n")] = '\0';
    if (f)
        fclose(f);
}
