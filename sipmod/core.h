/* What the parts of one instance share. Owned by proxy.c. */
#ifndef TRUNKLINE_CORE_H
#define TRUNKLINE_CORE_H

#include "capture.h"
#include "conf.h"
#include "dialogs.h"
#include "directory.h"
#include "edge.h"
#include "health.h"
#include "meter.h"
#include "outbox.h"
#include "report.h"
#include "resolve.h"
#include "routes.h"
#include "store.h"
#include "timer.h"
#include "transport.h"
#include "txn.h"

enum { CORE_BYTES = 128 * 1024 };

struct core {
    const struct conf *conf;
    uv_loop_t *loop;
    struct timer_wheel *wheel;
    struct capture *capture;
    struct transport *transport;
    struct txn_table *txns;
    struct health *health;
    struct resolver *resolver;
    struct store *store;
    struct report *report;
    struct directory *directory;
    struct edges *edges;
    struct routes *routes;
    struct outbox *outbox;
    struct dialogs *dialogs;
    struct meter *meter;
    size_t admissions; /* calls that wait for Redis */
    bool draining;
    char bytes[CORE_BYTES]; /* one message being built */
};

#endif
