#include "webhook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "secret.h"

enum { HMAC_BYTES = 32, STAMP = 24 };

char *webhook_id(struct scratch *mem, const struct webhook_event *e)
{
    return scratch_printf(mem, "%s-%s", e->account, e->number);
}

char *webhook_body(struct scratch *mem, const struct webhook_event *e)
{
    char created[CLOCK_TEXT];
    return scratch_printf(mem,
                          "{\"id\":\"%s-%s\",\"type\":\"%s\",\"accountno\":\"%s\","
                          "\"created\":\"%s\",\"data\":%s}",
                          e->account, e->number, e->type, e->account, clock_text(e->at_ms, created),
                          e->data);
}

static void hmac(const char *secret, struct span text, char ret[2 * HMAC_BYTES + 1])
{
    secret_hmac_hex(span_of(secret), text, HMAC_BYTES, ret);
}

void webhook_sign(const char *secret, const char *previous, int64_t now_s, const char *body,
                  char ret[WEBHOOK_SIGNATURE])
{
    char one[2 * HMAC_BYTES + 1], *text = NULL;
    int n = asprintf(&text, "%" PRId64 ".%s", now_s, body);
    ret[0] = '\0';
    if (n < 0) { /* an unsigned event is refused, and comes again */
        log_warn("webhook: no memory to sign");
        return;
    }
    struct span signed_text = {text, (size_t)n};
    hmac(secret, signed_text, one);
    int at = snprintf(ret, WEBHOOK_SIGNATURE, "t=%" PRId64 ",v1=%s", now_s, one);
    if (*previous && at > 0) {
        hmac(previous, signed_text, one);
        snprintf(ret + at, WEBHOOK_SIGNATURE - (size_t)at, ",v1=%s", one);
    }
    free(text);
}
