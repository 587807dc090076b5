/* The page behind `config` of get_trunk_termination: what a customer sets up to send us calls. */
#ifndef TRUNKLINE_SETTINGS_SHEET_H
#define TRUNKLINE_SETTINGS_SHEET_H

#include "scratch.h"
#include "service.h"

/* A PDF of one page, in mem. ERR_REFUSED: no such account or termination trunk. */
MUST_CHECK int settings_sheet(struct service *s, struct scratch *mem, const char *account,
                              const char *tg, struct span *ret);

#endif
