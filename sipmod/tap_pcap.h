/* Where a tap's frames come from: a file of pcap or pcapng, or a live interface; by libpcap, which
 * appears in tap_pcap.c alone. */
#ifndef TRUNKLINE_TAP_PCAP_H
#define TRUNKLINE_TAP_PCAP_H

#include "conf.h"
#include "tap_frame.h"

enum { TAP_PCAP_ERROR = 512 };

struct tap_pcap;

/* `name`: a file if one is there, or it holds a slash, or is "-" (standard input); else an
 * interface, "any" for all. What is taken is conf->tap's. On failure writes one line to error. */
MUST_CHECK int tap_pcap_open(struct tap_pcap **ret, const char *name, const struct conf *conf,
                             char error[TAP_PCAP_ERROR]);
void tap_pcap_close(struct tap_pcap *p); /* accepts NULL */

bool tap_pcap_is_live(const struct tap_pcap *p);
int tap_pcap_fd(const struct tap_pcap *p); /* live: readable when frames may be there */

/* ERR_OK: the next frame, borrowed until the next call. ERR_NOT_FOUND: none now; of a file: its
 * end. ERR_SYSTEM: reading failed, tap_pcap_error tells why. */
MUST_CHECK int tap_pcap_next(struct tap_pcap *p, struct tap_frame *ret);
const char *tap_pcap_error(struct tap_pcap *p);

/* Frames for which the kernel had no room since the beginning; 0 of a file. */
int64_t tap_pcap_dropped(struct tap_pcap *p);

#endif
