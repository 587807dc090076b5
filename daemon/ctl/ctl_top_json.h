/* What trunkctl top knows, as one JSON object. */
#ifndef TRUNKLINE_CTL_TOP_JSON_H
#define TRUNKLINE_CTL_TOP_JSON_H

#include "ctl_top_state.h"

/* To the standard output; false: it could not be written. */
bool top_json_print(const struct top *t);

#endif
