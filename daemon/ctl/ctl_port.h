/* What the verbs on port-in orders share. */
#ifndef TRUNKLINE_CTL_PORT_H
#define TRUNKLINE_CTL_PORT_H

#include "ctl.h"

extern const struct refusal ctl_port_unknown[];

#endif
