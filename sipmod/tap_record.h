/* Calls that were watched, on their way to Redis: whose number it is and what it costs is asked
 * there, then tap_record writes the CDR. Many at once; what fails for Redis's sake is tried again,
 * which is harmless, for a call is recorded once. */
#ifndef TRUNKLINE_TAP_RECORD_H
#define TRUNKLINE_TAP_RECORD_H

#include "routes.h"
#include "tap_cdr.h"
#include "tap_count.h"

enum {
    TAP_RECORDS_ASKED = 512, /* at once */
    TAP_RECORDS_MANY = 2048, /* waiting: a file is read no further */
    TAP_RECORDS_MAX = 32768, /* waiting: one more is lost */
};

struct tap_records;

struct tap_records_needs {
    const struct conf *conf;
    uv_loop_t *loop;
    struct store *store;
    const struct directory *directory;
    struct routes *routes;
    struct tap_count *count;
    void (*fewer)(void *arg); /* one less waits */
    void *arg;
};

MUST_CHECK int tap_records_new(struct tap_records **ret, const struct tap_records_needs *needs);
/* No more callbacks of `store` may come. Frees on the loop; accepts NULL. */
void tap_records_free(struct tap_records *r);

/* Copies the call. */
void tap_records_add(struct tap_records *r, const struct tap_cdr *cdr);

/* Those that Redis has not confirmed. */
size_t tap_records_waiting(const struct tap_records *r);

#endif
