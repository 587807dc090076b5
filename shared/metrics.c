#include "metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_process.h"

struct metric {
    _Atomic(struct metric *) next; /* series are never removed: readers need no lock */
    const struct metric_family *family;
    char *values[METRIC_LABELS];
    char *labels;                              /* as told, "" when there are none */
    atomic_int_fast64_t value;                 /* of a histogram: the sum */
    atomic_int_fast64_t counts[METRIC_BOUNDS]; /* of a histogram: a bucket each, the last +Inf */
};

struct set {
    _Atomic(struct metric *) first;
    size_t n; /* under the lock */
};

struct metrics {
    const struct metric_family *families;
    size_t n;
    pthread_mutex_t lock; /* of new series and of sheets */
    char *sheets[METRICS_SHEETS];
    struct metric none; /* takes what there is no memory for */
    struct set sets[];
};

/* ---- text ---- */

static void print_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void print_labels(FILE *out, const struct metric_family *f, const char *const values[])
{
    for (size_t i = 0; i < METRIC_LABELS && f->labels[i]; i++) {
        fprintf(out, "%s%s=\"", i ? "," : "", f->labels[i]);
        print_escaped(out, values[i]);
        fputc('"', out);
    }
}

/* Exact: no figure is too large for a double's digits. */
static void print_value(FILE *out, int64_t value, int64_t per)
{
    int digits = 0;
    uint64_t size = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;
    for (int64_t p = per; p > 1; p /= 10)
        digits++;
    fprintf(out, "%s%" PRIu64, value < 0 ? "-" : "", size / (uint64_t)per);
    if (digits > 0)
        fprintf(out, ".%0*" PRIu64, digits, size % (uint64_t)per);
    fputc('\n', out);
}

void metric_print_head(FILE *out, const struct metric_family *f)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kinds[f->kind]);
}

void metric_print(FILE *out, const struct metric_family *f, const char *const values[],
                  int64_t value)
{
    fputs(f->name, out);
    if (f->labels[0]) {
        fputc('{', out);
        print_labels(out, f, values);
        fputc('}', out);
    }
    fputc(' ', out);
    print_value(out, value, f->per);
}

static size_t bound_count(const struct metric_family *f)
{
    size_t n = 0;
    while (n < METRIC_BOUNDS - 1 && f->bounds[n])
        n++;
    return n;
}

static void print_histogram(FILE *out, const struct metric *s)
{
    const struct metric_family *f = s->family;
    const char *comma = *s->labels ? "," : "", *open = *s->labels ? "{" : "",
               *close = *s->labels ? "}" : "";
    size_t n = bound_count(f);
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += atomic_load_explicit(&s->counts[i], memory_order_relaxed);
        fprintf(out, "%s_bucket{%s%sle=\"%g\"} %" PRId64 "\n", f->name, s->labels, comma,
                (double)f->bounds[i] / (double)f->per, sum);
    }
    sum += atomic_load_explicit(&s->counts[n], memory_order_relaxed);
    fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", f->name, s->labels, comma, sum);
    fprintf(out, "%s_sum%s%s%s ", f->name, open, s->labels, close);
    print_value(out, atomic_load_explicit(&s->value, memory_order_relaxed), f->per);
    fprintf(out, "%s_count%s%s%s %" PRId64 "\n", f->name, open, s->labels, close, sum);
}

static void print_series(FILE *out, const struct metric *s)
{
    if (s->family->kind == METRIC_HISTOGRAM) {
        print_histogram(out, s);
        return;
    }
    fputs(s->family->name, out);
    if (*s->labels)
        fprintf(out, "{%s}", s->labels);
    fputc(' ', out);
    print_value(out, atomic_load_explicit(&s->value, memory_order_relaxed), s->family->per);
}

static void print_family(FILE *out, const struct metric_family *f, const struct set *set)
{
    const struct metric *s = atomic_load_explicit(&set->first, memory_order_acquire);
    if (!s)
        return;
    metric_print_head(out, f);
    for (; s; s = atomic_load_explicit(&s->next, memory_order_acquire))
        print_series(out, s);
}

char *metrics_render(struct metrics *m)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < m->n; i++)
        print_family(out, &m->families[i], &m->sets[i]);
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < METRICS_SHEETS; i++)
        fputs(m->sheets[i] ? m->sheets[i] : "", out);
    pthread_mutex_unlock(&m->lock);
    metrics_process_print(out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- series ---- */

static char *labels_text(const struct metric_family *f, const char *const values[])
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    print_labels(out, f, values);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static bool has_values(const struct metric *s, const char *const values[])
{
    for (size_t i = 0; i < METRIC_LABELS && s->family->labels[i]; i++) {
        if (strcmp(s->values[i], values[i]) != 0)
            return false;
    }
    return true;
}

static struct metric *find(struct set *set, const char *const values[])
{
    struct metric *s = atomic_load_explicit(&set->first, memory_order_acquire);
    while (s && !has_values(s, values))
        s = atomic_load_explicit(&s->next, memory_order_acquire);
    return s;
}

static void series_free(struct metric *s)
{
    for (size_t i = 0; i < METRIC_LABELS; i++)
        free(s->values[i]);
    free(s->labels);
    free(s);
}

static struct metric *series_new(const struct metric_family *f, const char *const values[])
{
    struct metric *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->family = f;
    s->labels = labels_text(f, values);
    bool whole = s->labels != NULL;
    for (size_t i = 0; i < METRIC_LABELS && f->labels[i]; i++)
        whole = (s->values[i] = strdup(values[i])) && whole;
    if (whole)
        return s;
    series_free(s);
    return NULL;
}

/* Appends under the lock. */
static struct metric *make(struct metrics *m, struct set *set, const struct metric_family *f,
                           const char *const values[])
{
    static const char *const other[METRIC_LABELS] = {"other", "other", "other"};
    bool full = f->labels[0] && set->n + 1 >= f->most;
    struct metric *s = find(set, values); /* another thread's, perhaps */
    if (!s && full)
        s = find(set, other);
    if (s)
        return s;
    s = series_new(f, full ? other : values);
    if (!s)
        return &m->none;
    _Atomic(struct metric *) *end = &set->first;
    while (atomic_load_explicit(end, memory_order_relaxed))
        end = &atomic_load_explicit(end, memory_order_relaxed)->next;
    atomic_store_explicit(end, s, memory_order_release);
    set->n++;
    return s;
}

struct metric *metrics_get(struct metrics *m, size_t family, const char *const values[])
{
    static const char *const unlabelled[METRIC_LABELS] = {"", "", ""};
    struct set *set = &m->sets[family];
    values = values ? values : unlabelled;
    struct metric *s = find(set, values);
    if (s)
        return s;
    pthread_mutex_lock(&m->lock);
    s = make(m, set, &m->families[family], values);
    pthread_mutex_unlock(&m->lock);
    return s;
}

void metric_add(struct metric *s, int64_t value)
{
    atomic_fetch_add_explicit(&s->value, value, memory_order_relaxed);
}

void metric_set(struct metric *s, int64_t value)
{
    atomic_store_explicit(&s->value, value, memory_order_relaxed);
}

void metric_observe(struct metric *s, int64_t value)
{
    size_t i = 0;
    while (i < METRIC_BOUNDS - 1 && s->family->bounds[i] && value > s->family->bounds[i])
        i++;
    atomic_fetch_add_explicit(&s->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->value, value, memory_order_relaxed);
}

int64_t metric_value(const struct metric *s)
{
    return atomic_load_explicit(&s->value, memory_order_relaxed);
}

/* ---- life ---- */

int metrics_new(struct metrics **ret, const struct metric_family *families)
{
    static const struct metric_family nothing;
    size_t n = 0;
    while (families[n].name)
        n++;
    struct metrics *m = calloc(1, sizeof(*m) + n * sizeof(m->sets[0]));
    if (!m)
        return ERR_NOMEM;
    m->families = families;
    m->n = n;
    m->none.family = &nothing;
    pthread_mutex_init(&m->lock, NULL);
    for (size_t i = 0; i < n; i++) {
        if (!families[i].labels[0] && metrics_get(m, i, NULL) == &m->none) {
            metrics_free(m);
            return ERR_NOMEM;
        }
    }
    *ret = m;
    return ERR_OK;
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        struct metric *s = m->sets[i].first;
        while (s) {
            struct metric *next = s->next;
            series_free(s);
            s = next;
        }
    }
    for (size_t i = 0; i < METRICS_SHEETS; i++)
        free(m->sheets[i]);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

void metrics_sheet(struct metrics *m, size_t sheet, char *text)
{
    pthread_mutex_lock(&m->lock);
    char *old = m->sheets[sheet];
    m->sheets[sheet] = text;
    pthread_mutex_unlock(&m->lock);
    free(old);
}
