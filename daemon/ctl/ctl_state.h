/* Keys of the inventory: regions, and "tf" for toll-free numbers. */
#ifndef TRUNKLINE_CTL_STATE_H
#define TRUNKLINE_CTL_STATE_H

#include <stddef.h>

#include "span.h"

#define STATE_TOLLFREE "tf"

/* The state's own spelling ("WA" for "wa"), NULL when there is none. */
const char *ctl_state_find(struct span s);

/* State i of state_count, toll-free last. */
const char *ctl_state_at(size_t i);
size_t ctl_state_count(void);

/* Position of what state_find returned. */
size_t ctl_state_index(const char *state);

#endif
