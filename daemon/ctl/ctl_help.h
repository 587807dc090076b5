/* Help, made from the table of verbs. */
#ifndef TRUNKLINE_CTL_HELP_H
#define TRUNKLINE_CTL_HELP_H

#include "ctl_verbs.h"

/* Prints what `words` name: all verbs, those of a noun, or one verb. Returns the exit code: an
 * unknown noun or verb is CTL_USAGE. */
int ctl_help(char *const words[], size_t n);

#endif
