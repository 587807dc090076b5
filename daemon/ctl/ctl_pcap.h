/* Messages as a capture file (https://www.tcpdump.org/manpages/pcap-savefile.5.html). */
#ifndef TRUNKLINE_CTL_PCAP_H
#define TRUNKLINE_CTL_PCAP_H

#include <stdio.h>

#include "ctl_packets.h"

/* Connections' sequence numbers begin at 1: only these messages are in the file. False: a write
 * failed. */
MUST_CHECK bool ctl_pcap_write(FILE *out, const struct ctl_packets *packets);

#endif
