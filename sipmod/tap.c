#include "tap.h"

#include <signal.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <uv.h>

#include "clock.h"
#include "log.h"
#include "tap_call.h"
#include "tap_pcap.h"
#include "tap_record.h"
#include "tap_tcp.h"

enum { FRAMES_A_TURN = 512, TICK_MS = 100, LINGER_MS = 10000 };

struct tap {
    const struct conf *conf;
    uv_loop_t loop;
    struct tap_pcap *pcap;
    struct tap_count *count;
    struct tap_frames *frames;
    struct tap_tcp *tcp;
    struct tap_calls *calls;
    struct tap_records *records;
    struct store *store;
    struct directory *directory;
    struct routes *routes;
    uv_signal_t terminate, interrupt, report;
    uv_timer_t tick;
    uv_poll_t readable; /* live */
    uv_idle_t reading;  /* of a file */
    bool asked, started, finished, closed, failed;
    int64_t begun_ms, finished_ms; /* clock_boot_ms; begun: with the first frame */
    int64_t now_us;                /* of the latest packet */
};

/* ---- summary ---- */

static void print_summary(struct tap *t)
{
    if (t->pcap)
        tap_count_set(t->count, TAP_KERNEL, tap_pcap_dropped(t->pcap));
    tap_count_print(t->count, stdout, clock_boot_ms() - t->begun_ms);
}

/* ---- the end ---- */

static void close_all(struct tap *t)
{
    if (t->closed)
        return;
    t->closed = true;
    uv_close((uv_handle_t *)&t->terminate, NULL);
    uv_close((uv_handle_t *)&t->interrupt, NULL);
    uv_close((uv_handle_t *)&t->report, NULL);
    uv_close((uv_handle_t *)&t->tick, NULL);
    uv_close((uv_handle_t *)&t->reading, NULL);
    if (t->pcap && tap_pcap_is_live(t->pcap))
        uv_close((uv_handle_t *)&t->readable, NULL);
    store_close(t->store);
    tap_records_free(t->records);
}

/* Every record is in Redis, or Redis had its time. */
static void end(struct tap *t)
{
    size_t waiting = tap_records_waiting(t->records);
    if (t->closed)
        return;
    if (waiting) {
        log_error("%zu records not written: Redis did not take them", waiting);
        tap_count_add(t->count, TAP_FAILED, (int64_t)waiting);
    }
    t->failed |= tap_count_get(t->count, TAP_FAILED) > 0;
    print_summary(t);
    close_all(t);
}

/* Nothing more is read. */
static void finish(struct tap *t)
{
    if (t->finished)
        return;
    t->finished = true;
    t->finished_ms = clock_boot_ms();
    uv_idle_stop(&t->reading);
    if (tap_pcap_is_live(t->pcap))
        uv_poll_stop(&t->readable);
    tap_calls_finish(t->calls, t->now_us);
    if (tap_records_waiting(t->records) == 0)
        end(t);
}

static void on_terminate(uv_signal_t *handle, int number)
{
    struct tap *t = handle->data;
    (void)number;
    if (t->finished) { /* asked twice */
        end(t);
        return;
    }
    sd_notify(0, "STOPPING=1");
    finish(t);
}

static void on_report(uv_signal_t *handle, int number)
{
    (void)number;
    print_summary(handle->data);
}

/* ---- frames ---- */

/* Whether bytes may be a message at all: its first line says so. */
static bool is_sip(struct span bytes)
{
    const char *lf = memchr(bytes.p, '\n', bytes.n);
    return lf && memmem(bytes.p, (size_t)(lf - bytes.p), "SIP/2.0", 7) != NULL;
}

static void take_message(struct tap *t, const struct tap_packet *p, struct span bytes)
{
    struct msg *m;
    struct msg_fault fault;
    if (msg_parse(bytes, &m, &fault, NULL) != ERR_OK) {
        tap_count_fault(t->count, fault.kind);
        return;
    }
    tap_count_add(t->count, TAP_MESSAGES, 1);
    tap_calls_take(t->calls, p->at_us, &p->from, &p->to, m);
    msg_free(m);
}

static void on_stream_message(void *arg, const struct tap_packet *where, struct span bytes)
{
    take_message(arg, where, bytes);
}

static void on_stream_malformed(void *arg)
{
    struct tap *t = arg;
    tap_count_fault(t->count, "stream");
}

static void on_stream_lost(void *arg)
{
    struct tap *t = arg;
    tap_count_add(t->count, TAP_LOST, 1);
}

static void take_packet(struct tap *t, const struct tap_packet *p)
{
    if (p->tcp)
        tap_tcp_take(t->tcp, p);
    else if (is_sip(p->payload))
        take_message(t, p, p->payload);
    else if (span_trim(p->payload).n)
        tap_count_fault(t->count, "not-sip");
}

static void take_frame(struct tap *t, const struct tap_frame *frame)
{
    static const enum tap_counter counters[TAP_FOUND_COUNT] = {
        [TAP_FOUND_PACKET] = TAP_PACKETS,      [TAP_FOUND_OTHER] = TAP_OTHER,
        [TAP_FOUND_FRAGMENT] = TAP_FRAGMENTS,  [TAP_FOUND_CUT] = TAP_CUT,
        [TAP_FOUND_MALFORMED] = TAP_MALFORMED, [TAP_FOUND_REFUSED] = TAP_REFUSED,
    };
    struct tap_packet packet;
    enum tap_found found = tap_frame_read(t->frames, frame, &packet);
    tap_count_add(t->count, counters[found], 1);
    if (frame->at_us > t->now_us)
        t->now_us = frame->at_us;
    if (found == TAP_FOUND_PACKET)
        take_packet(t, &packet);
    tap_calls_tick(t->calls, t->now_us);
}

/* As many frames as one turn of the loop may take. */
static void read_frames(struct tap *t)
{
    struct tap_frame frame;
    int err = ERR_OK;
    for (int i = 0; i < FRAMES_A_TURN && err == ERR_OK; i++) {
        err = tap_pcap_next(t->pcap, &frame);
        if (err == ERR_OK)
            take_frame(t, &frame);
    }
    if (err == ERR_OK || (err == ERR_NOT_FOUND && tap_pcap_is_live(t->pcap)))
        return;
    if (err != ERR_NOT_FOUND) {
        log_error("capture: %s", tap_pcap_error(t->pcap));
        t->failed = true;
    }
    finish(t);
}

static void on_reading(uv_idle_t *handle)
{
    struct tap *t = handle->data;
    if (tap_records_waiting(t->records) >= TAP_RECORDS_MANY)
        uv_idle_stop(handle); /* on_fewer goes on */
    else
        read_frames(t);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    read_frames(handle->data);
}

/* Redis has taken a record. */
static void on_fewer(void *arg)
{
    struct tap *t = arg;
    size_t waiting = tap_records_waiting(t->records);
    if (t->finished && waiting == 0)
        end(t);
    else if (t->started && !t->finished && !tap_pcap_is_live(t->pcap) &&
             waiting < TAP_RECORDS_MANY / 2)
        uv_idle_start(&t->reading, on_reading);
}

static void on_call_ended(void *arg, const struct tap_cdr *cdr)
{
    struct tap *t = arg;
    tap_records_add(t->records, cdr);
}

static const struct source *source_of(void *arg, const struct addr *from)
{
    struct tap *t = arg;
    return directory_source(t->directory, from);
}

static const struct mac_key *key_of_ids(void *arg)
{
    struct tap *t = arg;
    return store_mac_key(t->store);
}

/* ---- time ---- */

static void on_tick(uv_timer_t *timer)
{
    struct tap *t = timer->data;
    struct timespec now;
    tap_count_now(t->count, tap_calls_count(t->calls), tap_records_waiting(t->records));
    if (t->finished && clock_boot_ms() - t->finished_ms > LINGER_MS)
        end(t);
    if (t->finished || !t->started || !tap_pcap_is_live(t->pcap))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    t->now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    tap_calls_tick(t->calls, t->now_us);
    tap_count_set(t->count, TAP_KERNEL, tap_pcap_dropped(t->pcap));
}

/* ---- store ---- */

/* Who is listed is known: frames mean something. */
static void on_synced(void *arg)
{
    struct tap *t = arg;
    if (t->started || t->finished)
        return;
    t->started = true;
    t->begun_ms = clock_boot_ms();
    if (tap_pcap_is_live(t->pcap))
        uv_poll_start(&t->readable, UV_READABLE, on_readable);
    else
        uv_idle_start(&t->reading, on_reading);
    log_info("ready");
    sd_notify(0, "READY=1");
}

static void refresh(struct tap *t)
{
    directory_refresh_source(t->directory, (struct span){0});
    directory_refresh_gateway(t->directory, (struct span){0});
}

/* Called again now and then: a tap is no instance that registers. */
static void on_linked(void *arg)
{
    struct tap *t = arg;
    if (!t->asked)
        refresh(t);
    t->asked = true;
}

static void on_up(void *arg, bool up)
{
    (void)arg;
    (void)up;
}

static void on_source_changed(void *arg, struct span address)
{
    struct tap *t = arg;
    if (t->asked)
        directory_refresh_source(t->directory, address);
}

static void on_gateway_changed(void *arg, struct span name)
{
    struct tap *t = arg;
    if (t->asked)
        directory_refresh_gateway(t->directory, name);
}

static void on_kill(void *arg, struct span call)
{
    (void)arg;
    (void)call;
}

/* ---- life ---- */

static void watch(struct tap *t, uv_signal_t *handle, int number, uv_signal_cb fn)
{
    uv_signal_init(&t->loop, handle);
    handle->data = t;
    uv_signal_start(handle, fn, number);
}

static void open_handles(struct tap *t)
{
    watch(t, &t->terminate, SIGTERM, on_terminate);
    watch(t, &t->interrupt, SIGINT, on_terminate);
    watch(t, &t->report, SIGUSR1, on_report);
    uv_timer_init(&t->loop, &t->tick);
    t->tick.data = t;
    uv_timer_start(&t->tick, on_tick, TICK_MS, TICK_MS);
    uv_idle_init(&t->loop, &t->reading);
    t->reading.data = t;
    if (tap_pcap_is_live(t->pcap)) {
        uv_poll_init(&t->loop, &t->readable, tap_pcap_fd(t->pcap));
        t->readable.data = t;
    }
}

static int open_parts(struct tap *t)
{
    struct store_events events = {on_linked,          on_up,   on_source_changed,
                                  on_gateway_changed, on_kill, t};
    struct tap_tcp_events tcp = {on_stream_message, on_stream_malformed, on_stream_lost, t};
    int err = tap_frames_new(&t->frames);
    if (err == ERR_OK)
        err = tap_tcp_new(&t->tcp, (size_t)t->conf->sip.message_max, &tcp);
    if (err == ERR_OK)
        err = store_open(&t->store, &t->loop, t->conf, "", &events, NULL, NULL);
    if (err == ERR_OK)
        err = directory_new(&t->directory, t->store, on_synced, t);
    if (err == ERR_OK)
        err = routes_new(&t->routes, t->store);
    struct tap_records_needs records = {t->conf,   &t->loop, t->store, t->directory,
                                        t->routes, t->count, on_fewer, t};
    if (err == ERR_OK)
        err = tap_records_new(&t->records, &records);
    struct tap_calls_needs calls = {t->conf, t->count, source_of, key_of_ids, on_call_ended, t};
    if (err == ERR_OK)
        err = tap_calls_new(&t->calls, &calls);
    return err;
}

static void free_parts(struct tap *t)
{
    tap_calls_free(t->calls);
    routes_free(t->routes);
    directory_free(t->directory);
    tap_tcp_free(t->tcp);
    tap_frames_free(t->frames);
    tap_pcap_close(t->pcap);
    tap_count_free(t->count);
}

int tap_run(const struct conf *conf, const char *name)
{
    struct tap t = {.conf = conf, .begun_ms = clock_boot_ms()};
    char error[TAP_PCAP_ERROR];
    uv_loop_init(&t.loop);
    if (tap_pcap_open(&t.pcap, name, conf, error) != ERR_OK) {
        log_error("%s", error);
        uv_loop_close(&t.loop);
        return EXIT_FAILURE;
    }
    open_handles(&t);
    int err = tap_count_new(&t.count, conf);
    if (err == ERR_OK)
        err = open_parts(&t);
    if (err != ERR_OK) {
        log_error("%s", err_text(err));
        t.failed = true;
        close_all(&t);
    }
    uv_run(&t.loop, UV_RUN_DEFAULT);
    free_parts(&t);
    t.failed |= uv_loop_close(&t.loop) != 0;
    return t.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
