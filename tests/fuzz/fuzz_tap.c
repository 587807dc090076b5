/* Frames of a capture: link, IP with its fragments, streams of TCP, messages, calls. An input is a
 * row of frames: link, tenths of a second since the one before (the top bit: cut by a byte), two
 * bytes of length, bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "tap_call.h"
#include "tap_frame.h"
#include "tap_tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 4096, HEAD = 4, HELD_MAX = 4 << 20 };

struct bench {
    struct conf conf;
    struct tap_frames *frames;
    struct tap_tcp *tcp;
    struct tap_calls *calls;
    struct tap_count *count;
    int64_t now_us;
};

static void tap_demand(bool holds)
{
    if (!holds)
        abort();
}

/* Odd addresses are a carrier's, even ones a trunk's. */
static const struct source *source_of(void *arg, const struct addr *from)
{
    static const struct source carrier = {.kind = SOURCE_CARRIER, .name = "carrier"};
    static const struct source trunk = {.kind = SOURCE_TRUNK, .account = "1000001", .tg = "1"};
    char text[ADDR_TEXT];
    (void)arg;
    addr_text(from, text);
    return text[strlen(text) - 1] & 1 ? &carrier : &trunk;
}

static const struct mac_key *key_of(void *arg)
{
    static const struct mac_key key = {
        {1, 2}
    };
    (void)arg;
    return &key;
}

static void on_ended(void *arg, const struct tap_cdr *cdr)
{
    (void)arg;
    tap_demand(cdr->id[0] && cdr->number[0] && cdr->by && cdr->reason[0]);
    tap_demand(cdr->code >= 200 && cdr->code <= 699 && cdr->end_us > 0);
    tap_demand(strlen(cdr->attempts) < TAP_ATTEMPTS && strlen(cdr->callid) < TAP_TEXT);
    tap_demand(cdr->answer_us == 0 || cdr->rang_us != 0);
}

static void take_message(struct bench *b, const struct tap_packet *p, struct span bytes)
{
    struct msg *m;
    struct msg_fault fault;
    if (msg_parse(bytes, &m, &fault, NULL) != ERR_OK) {
        tap_demand(fault.kind != NULL);
        return;
    }
    tap_calls_take(b->calls, p->at_us, &p->from, &p->to, m);
    msg_free(m);
}

static void on_message(void *arg, const struct tap_packet *where, struct span bytes)
{
    tap_demand(bytes.n > 0 && bytes.n <= MESSAGE_MAX);
    take_message(arg, where, bytes);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static void open_bench(struct bench *b)
{
    struct tap_tcp_events events = {on_message, on_nothing, on_nothing, b};
    memset(b, 0, sizeof *b);
    conf_defaults(&b->conf);
    b->conf.metrics.sipmod[0] = '\0';
    b->conf.tap.calls = 8;
    b->now_us = 1700000000000000;
    tap_demand(tap_count_new(&b->count, &b->conf) == ERR_OK);
    struct tap_calls_needs needs = {&b->conf, b->count, source_of, key_of, on_ended, b};
    tap_demand(tap_frames_new(&b->frames) == ERR_OK);
    tap_demand(tap_tcp_new(&b->tcp, MESSAGE_MAX, &events) == ERR_OK);
    tap_demand(tap_calls_new(&b->calls, &needs) == ERR_OK);
}

static void close_bench(struct bench *b)
{
    tap_calls_finish(b->calls, b->now_us);
    tap_calls_free(b->calls);
    tap_tcp_free(b->tcp);
    tap_frames_free(b->frames);
    tap_count_free(b->count);
}

/* One frame, in memory of exactly its size. */
static void run_frame(struct bench *b, const uint8_t *head, size_t n)
{
    struct tap_packet packet;
    char *bytes = malloc(n ? n : 1);
    tap_demand(bytes != NULL);
    memcpy(bytes, head + HEAD, n);
    b->now_us += (head[1] & 0x7f) * 100000;
    struct tap_frame frame = {
        .at_us = b->now_us,
        .link = head[0] % TAP_LINKS,
        .bytes = {bytes, n},
        .on_wire = n + (head[1] >> 7)
    };
    if (tap_frame_read(b->frames, &frame, &packet) == TAP_FOUND_PACKET) {
        tap_demand(packet.payload.n <= 65535);
        if (packet.tcp)
            tap_tcp_take(b->tcp, &packet);
        else
            take_message(b, &packet, packet.payload);
    }
    tap_demand(tap_tcp_held(b->tcp) < HELD_MAX && tap_calls_count(b->calls) <= 8);
    tap_calls_tick(b->calls, b->now_us);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bench bench;
    open_bench(&bench);
    while (size >= HEAD) {
        size_t n = (size_t)data[2] | (size_t)data[3] << 8;
        n = n < size - HEAD ? n : size - HEAD;
        run_frame(&bench, data, n);
        data += HEAD + n;
        size -= HEAD + n;
    }
    close_bench(&bench);
    return 0;
}
