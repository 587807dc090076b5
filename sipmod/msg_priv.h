/* What the msg*.c files share. */
#ifndef TRUNKLINE_MSG_PRIV_H
#define TRUNKLINE_MSG_PRIV_H

#include "msg.h"

/* Framing (msg_scan.c). The first fault is kept, but for want of memory,
 * which goes before all; what can be indexed behind it still is, so that a
 * response can be built. */
struct scan {
    struct msg *m;
    struct span rest;       /* not yet scanned */
    struct msg_fault fault; /* text NULL: none */
    int err;                /* that goes with the fault */
    size_t cap;             /* of m->headers */
    bool ended;             /* the empty line was seen */
    bool other_version;     /* "SIP/7.0" */
};

void scan_fault(struct scan *s, int err, int status, const char *kind, const char *text);
/* Start line, headers, body of s->rest, which is m->raw. */
void scan_message(struct scan *s);

/* Names (msg_names.c). */
enum header names_header(struct span name);

/* Elements (msg_elements.c): ERR_INVALID when one of them is empty, ERR_TOO_LARGE. No such header
 * is no error. */
MUST_CHECK int elements_check(const struct msg *m, enum header id);

/* Via with any SIP version: a request of another version is answered by its Via as well. */
MUST_CHECK int addr_read_via(const struct msg *m, struct span text, bool any_version,
                             struct via *ret);
/* Of a malformed Via, what a refusal needs: transport, sent-by, parameters up to the first bad one;
 * ret->text ends there. ERR_INVALID: not even that. */
MUST_CHECK int addr_salvage_via(const struct msg *m, struct span text, struct via *ret);
/* Structure of a name-addr or addr-spec; of its URI the text alone is set. ERR_INVALID. */
MUST_CHECK int addr_split(struct span text, struct name_addr *ret);
/* Host and port; *ret_host without brackets. ERR_INVALID. */
MUST_CHECK int addr_host_port(struct span text, struct span *ret_host, uint16_t *ret_port);

/* libosip2's reading (msg_osip.c). ERR_INVALID when it refuses the text or reads another host or
 * port than we did: two readings of one address are a way past a check. ERR_NOMEM. */
MUST_CHECK int osip_agrees_uri(const struct msg *m, struct span user, struct span host_port,
                               const struct uri *ours);
MUST_CHECK int osip_agrees_via(const struct msg *m, struct span host_port, const struct via *ours);

#endif
