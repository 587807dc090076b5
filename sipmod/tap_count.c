#include "tap_count.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics_http.h"

enum { KINDS = 60 };

enum family {
    FAMILY_FRAMES,
    FAMILY_LOST,
    FAMILY_MESSAGES,
    FAMILY_FAULTS,
    FAMILY_CALLS,
    FAMILY_RECORDS,
    FAMILY_BILLED,
    FAMILY_LIVE,
    FAMILY_WAITING,
    FAMILIES,
};

/* clang-format off */
static const struct metric_family TABLE[FAMILIES + 1] = {
    [FAMILY_FRAMES] = {"trunkline_tap_frames_total", METRIC_COUNTER, 1, {"outcome"}, 10, {0},
        "Captured frames, by what was in them; kernel: those that the kernel had no room for."},
    [FAMILY_LOST] = {"trunkline_tap_segments_lost_total", METRIC_COUNTER, 1, {0}, 1, {0},
        "TCP segments that the capture does not have."},
    [FAMILY_MESSAGES] = {"trunkline_tap_messages_total", METRIC_COUNTER, 1, {0}, 1, {0},
        "SIP messages that were understood."},
    [FAMILY_FAULTS] = {"trunkline_tap_parse_failures_total", METRIC_COUNTER, 1, {"kind"}, KINDS, {0},
        "Messages that could not be understood, by what was wrong with them."},
    [FAMILY_CALLS] = {"trunkline_tap_calls_total", METRIC_COUNTER, 1, {"event"}, 10, {0},
        "Calls of listed sources that were seen, and what became of them."},
    [FAMILY_RECORDS] = {"trunkline_tap_records_total", METRIC_COUNTER, 1, {"outcome"}, 4, {0},
        "Call records, by what Redis did with them."},
    [FAMILY_BILLED] = {"trunkline_tap_billed_seconds_total", METRIC_COUNTER, 1, {0}, 1, {0},
        "Billed seconds of the records that were written."},
    [FAMILY_LIVE] = {"trunkline_tap_calls", METRIC_GAUGE, 1, {0}, 1, {0},
        "Calls under way."},
    [FAMILY_WAITING] = {"trunkline_tap_records_waiting", METRIC_GAUGE, 1, {0}, 1, {0},
        "Records that Redis has not confirmed yet."},
};

/* Where each is counted, and how the summary says it; NULL: not by itself. */
static const struct {
    enum family family;
    const char *label, *text;
} COUNTERS[TAP_COUNTERS] = {
    [TAP_PACKETS] = {FAMILY_FRAMES, "packet", "packets of UDP and TCP"},
    [TAP_OTHER] = {FAMILY_FRAMES, "other", "other frames"},
    [TAP_FRAGMENTS] = {FAMILY_FRAMES, "fragment", "fragments before a packet's last"},
    [TAP_CUT] = {FAMILY_FRAMES, "cut", "frames cut short by the capture"},
    [TAP_MALFORMED] = {FAMILY_FRAMES, "malformed", "malformed frames"},
    [TAP_REFUSED] = {FAMILY_FRAMES, "refused", "refused fragments"},
    [TAP_KERNEL] = {FAMILY_FRAMES, "kernel", "frames dropped by the kernel"},
    [TAP_LOST] = {FAMILY_LOST, NULL, "lost segments of TCP"},
    [TAP_MESSAGES] = {FAMILY_MESSAGES, NULL, "SIP messages"},
    [TAP_CALLS] = {FAMILY_CALLS, "begun", "calls"},
    [TAP_ANSWERED] = {FAMILY_CALLS, "answered", "answered"},
    [TAP_STRANGERS] = {FAMILY_CALLS, "stranger", "INVITEs of unlisted sources"},
    [TAP_MIDWAY] = {FAMILY_CALLS, "midway", "ends of calls whose beginning was not seen"},
    [TAP_BEYOND] = {FAMILY_CALLS, "beyond", "calls beyond tap.calls"},
    [TAP_IN_SETUP] = {FAMILY_CALLS, "in_setup", "calls still in setup at the end"},
    [TAP_KNOWN] = {FAMILY_CALLS, "known", "calls to known numbers and of trunks"},
    [TAP_UNKNOWN] = {FAMILY_CALLS, "unknown", "calls to unknown numbers"},
    [TAP_WRITTEN] = {FAMILY_RECORDS, "written", "CDRs written"},
    [TAP_REPEATED] = {FAMILY_RECORDS, "repeated", "CDRs that were there already"},
    [TAP_FAILED] = {FAMILY_RECORDS, "failed", "CDRs not written"},
    [TAP_BILLED] = {FAMILY_BILLED, NULL, NULL},
};
/* clang-format on */

struct tap_count {
    struct metrics *metrics;
    struct metrics_http *http; /* NULL: not served */
    struct metric *counters[TAP_COUNTERS], *live, *waiting;
    const char *kinds[KINDS];
    size_t n_kinds;
};

static struct metric *series(const struct tap_count *c, enum family family, const char *label)
{
    const char *const values[] = {label};
    return metrics_get(c->metrics, family, label ? values : NULL);
}

int tap_count_new(struct tap_count **ret, const struct conf *conf)
{
    char error[METRICS_HTTP_ERROR];
    struct tap_count *c = calloc(1, sizeof *c);
    int err = c ? metrics_new(&c->metrics, TABLE) : ERR_NOMEM;
    if (err != ERR_OK) {
        free(c);
        return err;
    }
    for (size_t i = 0; i < TAP_COUNTERS; i++)
        c->counters[i] = series(c, COUNTERS[i].family, COUNTERS[i].label);
    c->live = series(c, FAMILY_LIVE, NULL);
    c->waiting = series(c, FAMILY_WAITING, NULL);
    if (conf->metrics.sipmod[0] && metrics_http_open(&c->http, c->metrics, conf->metrics.sipmod,
                                                     conf->metrics.allow, error) != ERR_OK)
        log_warn("metrics.sipmod: %s: there is no /metrics", error);
    *ret = c;
    return ERR_OK;
}

void tap_count_free(struct tap_count *c)
{
    if (!c)
        return;
    metrics_http_close(c->http);
    metrics_free(c->metrics);
    free(c);
}

void tap_count_add(struct tap_count *c, enum tap_counter counter, int64_t n)
{
    metric_add(c->counters[counter], n);
}

void tap_count_set(struct tap_count *c, enum tap_counter counter, int64_t n)
{
    metric_set(c->counters[counter], n);
}

int64_t tap_count_get(const struct tap_count *c, enum tap_counter counter)
{
    return metric_value(c->counters[counter]);
}

void tap_count_fault(struct tap_count *c, const char *kind)
{
    bool known = false;
    for (size_t i = 0; i < c->n_kinds; i++)
        known |= strcmp(c->kinds[i], kind) == 0;
    if (!known && c->n_kinds < KINDS)
        c->kinds[c->n_kinds++] = kind;
    metric_add(series(c, FAMILY_FAULTS, kind), 1);
}

void tap_count_now(struct tap_count *c, size_t calls, size_t waiting)
{
    metric_set(c->live, (int64_t)calls);
    metric_set(c->waiting, (int64_t)waiting);
}

static void print_line(FILE *out, long long n, const char *text)
{
    if (n)
        (void)fprintf(out, "%12lld %s\n", n, text);
}

void tap_count_print(const struct tap_count *c, FILE *out, int64_t elapsed_ms)
{
    double seconds = (double)(elapsed_ms > 0 ? elapsed_ms : 1) / 1000;
    for (size_t i = 0; i < TAP_COUNTERS; i++) {
        if (COUNTERS[i].text)
            print_line(out, (long long)metric_value(c->counters[i]), COUNTERS[i].text);
        for (size_t k = 0; i == TAP_MESSAGES && k < c->n_kinds; k++) {
            char text[96];
            snprintf(text, sizeof text, "messages not understood: %s", c->kinds[k]);
            print_line(out, (long long)metric_value(series(c, FAMILY_FAULTS, c->kinds[k])), text);
        }
    }
    (void)fprintf(out, "%12.1f minutes billed\n", (double)tap_count_get(c, TAP_BILLED) / 60);
    (void)fprintf(out, "%12.3f seconds, %.0f packets and %.0f calls a second\n", seconds,
                  (double)tap_count_get(c, TAP_PACKETS) / seconds,
                  (double)tap_count_get(c, TAP_CALLS) / seconds);
    (void)fflush(out);
}
