#include "tap_tcp.h"

#include <stdlib.h>
#include <uthash.h>

#include "frame.h"
#include "msg.h"

enum { HELD_MAX = 256 << 20, TAIL_MAX = 8192 };

/* Both ends as comparable bytes. */
struct key {
    struct sockaddr_in6 from, to; /* of IPv4 the first bytes are a sockaddr_in */
};

/* A segment that came before its time. */
struct ahead {
    struct ahead *next;
    int64_t at_us;
    uint32_t seq;
    size_t n;
    char bytes[];
};

struct stream {
    UT_hash_handle hh; /* in the order of their latest segments */
    struct key key;
    bool started; /* `next` is known */
    bool synced;  /* the bytes begin with a message */
    uint32_t next;
    size_t n, cap;
    char *bytes;
    struct frame frame;
    struct ahead *ahead; /* by seq */
    size_t n_ahead;
};

struct tap_tcp {
    struct tap_tcp_events events;
    size_t message_max, held;
    struct stream *streams;
};

int tap_tcp_new(struct tap_tcp **ret, size_t message_max, const struct tap_tcp_events *events)
{
    struct tap_tcp *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->events = *events;
    t->message_max = message_max;
    *ret = t;
    return ERR_OK;
}

/* ---- streams ---- */

static void drop_bytes(struct tap_tcp *t, struct stream *s)
{
    t->held -= s->cap;
    free(s->bytes);
    s->bytes = NULL;
    s->n = s->cap = 0;
    s->frame = (struct frame){0};
}

static void drop_first_ahead(struct tap_tcp *t, struct stream *s)
{
    struct ahead *a = s->ahead;
    s->ahead = a->next;
    s->n_ahead--;
    t->held -= a->n;
    free(a);
}

static void drop_stream(struct tap_tcp *t, struct stream *s)
{
    HASH_DEL(t->streams, s);
    drop_bytes(t, s);
    while (s->ahead)
        drop_first_ahead(t, s);
    free(s);
}

void tap_tcp_free(struct tap_tcp *t)
{
    if (!t)
        return;
    while (t->streams)
        drop_stream(t, t->streams);
    free(t);
}

size_t tap_tcp_held(const struct tap_tcp *t)
{
    return t->held;
}

static struct key key_of(const struct tap_packet *p)
{
    struct key key;
    memset(&key, 0, sizeof key);
    memcpy(&key.from, &p->from, addr_len(&p->from));
    memcpy(&key.to, &p->to, addr_len(&p->to));
    return key;
}

/* The stream becomes the latest. */
static struct stream *find_or_make(struct tap_tcp *t, const struct tap_packet *p)
{
    struct key key = key_of(p);
    struct stream *s;
    HASH_FIND(hh, t->streams, &key, sizeof key, s);
    if (s) {
        HASH_DEL(t->streams, s);
    } else {
        if (p->payload.n == 0 && !p->syn)
            return NULL;
        if (HASH_COUNT(t->streams) >= TAP_TCP_STREAMS)
            drop_stream(t, t->streams);
        s = calloc(1, sizeof *s);
        if (!s)
            return NULL;
        s->key = key;
    }
    HASH_ADD(hh, t->streams, key, sizeof s->key, s);
    return s;
}

/* ---- messages ---- */

static void consume(struct stream *s, size_t n)
{
    memmove(s->bytes, s->bytes + n, s->n - n);
    s->n -= n;
}

/* Whether a line may be the first of a message. */
static bool is_start_line(struct span line)
{
    struct span version = SPAN_LIT(" SIP/2.0"), rest = line, method;
    if (span_starts_nocase(line, SPAN_LIT("SIP/2.0 ")))
        return true;
    if (line.n <= version.n ||
        !span_eq((struct span){line.p + line.n - version.n, version.n}, version))
        return false;
    return span_cut(&rest, ' ', &method) && msg_method(method) != METHOD_OTHER;
}

/* Passes over what stands before the next start of a message. False: there is none yet. */
static bool find_start(struct stream *s)
{
    size_t line = 0;
    const char *lf;
    while ((lf = memchr(s->bytes + line, '\n', s->n - line)) != NULL) {
        size_t end = (size_t)(lf - s->bytes);
        if (end > line && lf[-1] == '\r' &&
            is_start_line((struct span){s->bytes + line, end - line - 1})) {
            consume(s, line);
            return true;
        }
        line = end + 1;
    }
    if (s->n - line > TAIL_MAX)
        line = s->n;
    consume(s, line);
    return false;
}

static void read_messages(struct tap_tcp *t, struct stream *s, const struct tap_packet *where)
{
    while (s->n > 0) {
        size_t n;
        if (!s->synced && !find_start(s))
            return;
        s->synced = true;
        struct span all = {s->bytes, s->n};
        switch (frame_next(&s->frame, all, t->message_max, &n)) {
        case FRAME_MORE:
            return;
        case FRAME_MESSAGE:
            t->events.message(t->events.arg, where, (struct span){s->bytes, n});
            consume(s, n);
            break;
        case FRAME_BLANK:
        case FRAME_PING:
            consume(s, n);
            break;
        case FRAME_MALFORMED:
        case FRAME_TOO_LARGE:
            t->events.malformed(t->events.arg);
            s->frame = (struct frame){0};
            s->synced = false;
            consume(s, 1); /* it is not to be found again */
            break;
        }
    }
}

/* ---- segments ---- */

static bool make_room(struct tap_tcp *t, struct stream *s, size_t n)
{
    size_t cap = s->cap ? s->cap : 2048;
    while (cap < n)
        cap *= 2;
    if (cap == s->cap)
        return true;
    if (t->held + cap - s->cap > HELD_MAX)
        return false;
    char *bytes = realloc(s->bytes, cap);
    if (!bytes)
        return false;
    t->held += cap - s->cap;
    s->bytes = bytes;
    s->cap = cap;
    return true;
}

/* What was missing never came: goes on from `seq`, at the next message. */
static void skip_to(struct tap_tcp *t, struct stream *s, uint32_t seq)
{
    t->events.lost(t->events.arg);
    drop_bytes(t, s);
    s->next = seq;
    s->synced = false;
}

/* Bytes at seq, of which some may have come before. Reads on when something is new. */
static void append(struct tap_tcp *t, struct stream *s, uint32_t seq, struct span bytes,
                   const struct tap_packet *where)
{
    uint32_t known = s->next - seq;
    if (known >= bytes.n)
        return;
    struct span fresh = {bytes.p + known, bytes.n - known};
    if (!make_room(t, s, s->n + fresh.n)) {
        skip_to(t, s, seq + (uint32_t)bytes.n);
        return;
    }
    memcpy(s->bytes + s->n, fresh.p, fresh.n);
    s->n += fresh.n;
    s->next += (uint32_t)fresh.n;
    read_messages(t, s, where);
    if (s->n == 0)
        drop_bytes(t, s); /* a connection that is silent costs little */
}

static void keep_ahead(struct tap_tcp *t, struct stream *s, const struct tap_packet *p)
{
    size_t n = p->payload.n;
    struct ahead **at = &s->ahead, *a;
    while (*at && (int32_t)((*at)->seq - p->seq) < 0)
        at = &(*at)->next;
    if (*at && (*at)->seq == p->seq && (*at)->n >= n)
        return;
    a = t->held + n > HELD_MAX ? NULL : malloc(sizeof *a + n);
    if (!a)
        return;
    *a = (struct ahead){.next = *at, .at_us = p->at_us, .seq = p->seq, .n = n};
    memcpy(a->bytes, p->payload.p, n);
    *at = a;
    s->n_ahead++;
    t->held += n;
}

/* Takes what waited as far as nothing is missing before it. */
static void drain(struct tap_tcp *t, struct stream *s, const struct tap_packet *where)
{
    while (s->ahead && (int32_t)(s->ahead->seq - s->next) <= 0) {
        append(t, s, s->ahead->seq, (struct span){s->ahead->bytes, s->ahead->n}, where);
        drop_first_ahead(t, s);
    }
}

static bool waited_enough(const struct stream *s, int64_t now_us)
{
    if (s->n_ahead > TAP_TCP_AHEAD)
        return true;
    for (const struct ahead *a = s->ahead; a; a = a->next) {
        if (now_us - a->at_us > TAP_TCP_US || now_us < a->at_us)
            return true;
    }
    return false;
}

static void take_payload(struct tap_tcp *t, struct stream *s, const struct tap_packet *p)
{
    int32_t distance = (int32_t)(p->seq - s->next);
    if (distance > TAP_TCP_WINDOW || distance < -TAP_TCP_WINDOW) { /* another connection */
        while (s->ahead)
            drop_first_ahead(t, s);
        skip_to(t, s, p->seq);
    } else if (distance > 0) {
        keep_ahead(t, s, p);
    }
    if ((int32_t)(p->seq - s->next) <= 0)
        append(t, s, p->seq, p->payload, p);
    drain(t, s, p);
    while (s->ahead && waited_enough(s, p->at_us)) {
        skip_to(t, s, s->ahead->seq);
        drain(t, s, p);
    }
}

static void start(struct tap_tcp *t, struct stream *s, const struct tap_packet *p)
{
    while (s->ahead)
        drop_first_ahead(t, s);
    drop_bytes(t, s);
    s->started = true;
    s->synced = p->syn;
    s->next = p->seq + (p->syn ? 1 : 0);
}

void tap_tcp_take(struct tap_tcp *t, const struct tap_packet *segment)
{
    struct tap_packet p = *segment;
    struct stream *s = find_or_make(t, &p);
    if (!s)
        return;
    bool repeated = s->started && p.syn && s->next == p.seq + 1;
    if (!s->started || (p.syn && !repeated))
        start(t, s, &p);
    p.seq += p.syn ? 1 : 0; /* data may come with it (RFC 7413) */
    if (p.payload.n)
        take_payload(t, s, &p);
    bool over = p.fin && s->next == p.seq + (uint32_t)p.payload.n;
    if (p.rst || over)
        drop_stream(t, s);
}
