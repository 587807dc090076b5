/* Serves a registry at /metrics, on an address and a thread of its own: whoever reads, however
 * slowly, holds up nothing but other readers. */
#ifndef TRUNKLINE_METRICS_HTTP_H
#define TRUNKLINE_METRICS_HTTP_H

#include "addr.h"
#include "metrics.h"

enum { METRICS_HTTP_ERROR = 256 };

struct metrics_http;

/* `listen`: "ADDR:PORT". `allow`: addresses that may read, by comma; loopback always may. `metrics`
 * is borrowed until the end. On failure writes one line to error. */
MUST_CHECK int metrics_http_open(struct metrics_http **ret, struct metrics *metrics,
                                 const char *listen, const char *allow,
                                 char error[METRICS_HTTP_ERROR]);
void metrics_http_close(struct metrics_http *h); /* accepts NULL */

#endif
