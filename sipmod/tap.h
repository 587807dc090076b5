/* sipmod --tap: SIP is read beside a proxy that exists, from a file or live, and each call to a
 * number of ours or from a customer's trunk gets the CDR that sipmod would have written, in a
 * stream of its own. Nothing is sent to anybody; no money, limits or statistics are touched. */
#ifndef TRUNKLINE_TAP_H
#define TRUNKLINE_TAP_H

#include "conf.h"

/* `name`: as tap_pcap_open. Runs until the end of the file, or SIGTERM; prints a summary at the end
 * and at SIGUSR1 to the standard output. Returns the exit code. */
int tap_run(const struct conf *conf, const char *name);

#endif
