/* Deliveries to webhooks, many at once (libcurl). No redirect is followed, no proxy used, nothing
 * of the answer kept but its status; where a name leads is judged when the connection is made. */
#ifndef TRUNKLINE_WEBHOOK_HTTP_H
#define TRUNKLINE_WEBHOOK_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "conf.h"
#include "err.h"

typedef __typeof__(((struct conf *)0)->webhook) webhook_settings;

enum { WEBHOOK_URL = 513, WEBHOOK_FAILURE = 128 };

struct webhook_http;

struct webhook_post {
    const char *url, *event, *id, *signature, *body; /* copied */
};

struct webhook_result {
    void *arg;                     /* of webhook_http_post */
    bool arrived;                  /* 2xx */
    char failure[WEBHOOK_FAILURE]; /* why not, printable */
};

/* The settings are borrowed. */
MUST_CHECK int webhook_http_open(struct webhook_http **ret, const webhook_settings *settings);
/* Accepts NULL. What is under way is broken off, without a result. */
void webhook_http_close(struct webhook_http *h);

/* Begins a delivery. ERR_NOMEM. */
MUST_CHECK int webhook_http_post(struct webhook_http *h, const struct webhook_post *post,
                                 void *arg);
size_t webhook_http_active(const struct webhook_http *h);

/* Waits until something moves, at most so long. ERR_UNAVAILABLE: libcurl gave up. */
MUST_CHECK int webhook_http_wait(struct webhook_http *h, int timeout_ms);
/* Takes one delivery that has ended. False: there is none. */
bool webhook_http_take(struct webhook_http *h, struct webhook_result *ret);

/* NULL, or why a URL can't be a webhook's. */
const char *webhook_url_check(const char *url, const webhook_settings *settings);

#endif
