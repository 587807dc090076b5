#include "capture.h"

#include <stdlib.h>
#include <time.h>

enum { MIB = 1024 * 1024 };

struct capture {
    uv_loop_t *loop;
    const struct conf *conf;
    struct capture_ring *ring; /* NULL: none */
    struct capture_traces *traces;
    struct capture_file *file; /* NULL: none */
    struct capture_hep *hep;   /* NULL: none */
    int64_t at_us;             /* of the latest message */
    struct capture_counts counts;
};

int capture_new(struct capture **ret, uv_loop_t *loop, const struct conf *conf)
{
    struct capture *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->conf = conf;
    c->loop = loop;
    int err = ERR_OK;
    if (conf->capture.ring_mib > 0)
        err = capture_ring_new(&c->ring, (size_t)conf->capture.ring_mib * MIB);
    if (err == ERR_OK)
        err = capture_traces_new(&c->traces, loop, c->ring);
    if (err == ERR_OK && conf->capture.hep[0])
        err = capture_hep_new(&c->hep, loop, conf);
    if (err != ERR_OK) {
        capture_close(c);
        return err;
    }
    *ret = c;
    return ERR_OK;
}

void capture_close(struct capture *c)
{
    if (!c)
        return;
    capture_traces_close(c->traces);
    capture_file_close(c->file);
    capture_hep_close(c->hep);
    capture_ring_free(c->ring);
    free(c);
}

int capture_link(struct capture *c, struct store *store)
{
    int err = capture_traces_link(c->traces, store);
    if (err == ERR_OK && c->conf->capture.dir[0])
        err = capture_file_new(&c->file, c->loop, c->conf, store_node(store));
    return err;
}

/* No two messages at the same time, even when the clock is set back: it is their order. */
static int64_t stamp(struct capture *c)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    c->at_us = us > c->at_us ? us : c->at_us + 1;
    return c->at_us;
}

/* CRLFs that keep a connection or a NAT's binding alive (RFC 5626 §3.5.1). */
static bool is_keep_alive(struct span bytes)
{
    return bytes.n == 0 || ((unsigned char)bytes.p[0] <= ' ' && span_trim(bytes).n == 0);
}

static bool is_wanted(const struct capture *c)
{
    return c->ring || c->file || c->hep || capture_traces_any(c->traces);
}

void capture_message(void *capture, const struct transport_message *m)
{
    struct capture *c = capture;
    if (!is_wanted(c) || is_keep_alive(m->bytes))
        return;
    if (m->protocol == PROTOCOL_TLS && !c->conf->capture.tls) {
        c->counts.left_out++;
        return;
    }
    struct capture_message message = {stamp(c), *m};
    if (c->ring) {
        capture_ring_add(c->ring, &message);
        c->counts.ring++;
    }
    if (capture_traces_any(c->traces))
        capture_traces_message(c->traces, &message);
    if (c->file)
        capture_file_add(c->file, &message);
    if (c->hep)
        capture_hep_add(c->hep, &message);
}

uint64_t capture_mark(const struct capture *c)
{
    return c->ring ? capture_ring_latest(c->ring) : 0;
}

void capture_booking(struct capture *c, const struct capture_booking *b)
{
    if (capture_traces_any(c->traces))
        capture_traces_booking(c->traces, b);
}

struct capture_counts capture_counts(const struct capture *c)
{
    struct capture_counts counts = c->counts;
    counts.trace = capture_traces_counts(c->traces);
    if (c->file)
        counts.file = capture_file_counts(c->file);
    if (c->hep)
        counts.hep = capture_hep_counts(c->hep);
    return counts;
}
