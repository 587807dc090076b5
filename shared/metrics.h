/* Figures for Prometheus, in its text format 0.0.4. A program has one table of families and one
 * registry; counting is one atomic addition without a lock, so it may be done anywhere. */
#ifndef TRUNKLINE_METRICS_H
#define TRUNKLINE_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum { METRIC_LABELS = 3, METRIC_BOUNDS = 16, METRICS_SHEETS = 2 };

/* One row of a table; a row without a name ends it. */
struct metric_family {
    const char *name; /* with its unit, and _total of a counter */
    enum metric_kind kind;
    int64_t per; /* values are kept as integers: so many are one unit (1000: ms told as seconds) */
    const char *labels[METRIC_LABELS]; /* names; NULL: no more */
    size_t most;                       /* series; what is beyond counts as "other" */
    int64_t bounds[METRIC_BOUNDS];     /* of a histogram: ascending, kept values; 0 ends them */
    const char *help;
};

struct metrics;
struct metric; /* one series of a family */

/* Families without labels exist from here on. `families` is borrowed. */
MUST_CHECK int metrics_new(struct metrics **ret, const struct metric_family *families);
void metrics_free(struct metrics *m); /* accepts NULL */

/* The series of family number `family` with these values of its labels, made if need be. It stays
 * for the life of the registry. `values` NULL: the family has no labels. Never NULL. A walk over
 * the family's series: keep what is hot. */
struct metric *metrics_get(struct metrics *m, size_t family, const char *const values[]);

void metric_add(struct metric *s, int64_t value); /* counter, gauge */
void metric_set(struct metric *s, int64_t value); /* gauge, or a counter that is kept elsewhere */
void metric_observe(struct metric *s, int64_t value); /* histogram */

int64_t metric_value(const struct metric *s);

/* Series that come and go are written by their owner as a whole: */
void metric_print_head(FILE *out, const struct metric_family *family); /* HELP and TYPE */
void metric_print(FILE *out, const struct metric_family *family, const char *const values[],
                  int64_t value);
/* Takes such a text (from malloc; NULL: none) in place of the one before. */
void metrics_sheet(struct metrics *m, size_t sheet, char *text);

/* All of it, and figures of the process, for free(). NULL when out of memory. */
char *metrics_render(struct metrics *m);

#endif
