/* Messages for people: a ladder, a column an endpoint; and as JSON. */
#ifndef TRUNKLINE_CTL_LADDER_H
#define TRUNKLINE_CTL_LADDER_H

#include "ctl_packets.h"

/* A ladder a call, within 80 columns for up to five endpoints. Returns the exit code. */
int ctl_ladder_print(const struct ctl_packets *packets);

/* All messages as a list, with what a ladder shows of each and its bytes. Returns the exit code. */
int ctl_ladder_json(const struct ctl_packets *packets);

#endif
