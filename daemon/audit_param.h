/* Parameters as the audit log shows them. */
#ifndef TRUNKLINE_AUDIT_PARAM_H
#define TRUNKLINE_AUDIT_PARAM_H

#include <stdbool.h>
#include <stdio.h>

#include "span.h"

#define AUDIT_HIDDEN "***" /* in place of a secret */

/* Appends name=value to a list, joined by '&', percent-encoded (RFC 3986), a long value cut. One
 * that holds what could be a card's number is hidden. */
void audit_param(FILE *out, const char *name, struct span value);

#endif
