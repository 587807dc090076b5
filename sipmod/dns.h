/* Records of DNS, asked for without a thread and kept for their TTL; that there are none is kept,
 * too. While the name servers are silent what was known last goes on to serve. */
#ifndef TRUNKLINE_DNS_H
#define TRUNKLINE_DNS_H

#include <uv.h>

#include "addr.h"
#include "conf.h"
#include "srv.h"

enum { DNS_NAME = 256, DNS_ADDRESSES = 8 };

struct dns;

MUST_CHECK int dns_new(struct dns **ret, uv_loop_t *loop, const struct conf *conf);
/* Answers all that wait, as unknown; accepts NULL. */
void dns_free(struct dns *d);

enum dns_kind { DNS_HOST, DNS_SERVICE };

struct dns_answer {
    bool known; /* false: nobody told in time */
    size_t n;   /* known and 0: there is no such record */
    union {
        struct addr addresses[DNS_ADDRESSES]; /* of a host, without port; IPv4 before IPv6 */
        struct srv services[SRV_MAX];         /* by priority */
    };
};
typedef void dns_fn(void *arg, const struct dns_answer *answer);

/* Calls fn once, before it returns if the name is known, else later, but not after `deadline_ms` of
 * the loop. Of a host with more addresses the first DNS_ADDRESSES are told. */
void dns_ask(struct dns *d, enum dns_kind kind, struct span name, uint64_t deadline_ms, dns_fn *fn,
             void *arg);

#endif
