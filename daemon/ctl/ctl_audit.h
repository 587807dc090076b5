/* Runs a verb; one that changes something is noted in the audit log before and after. */
#ifndef TRUNKLINE_CTL_AUDIT_H
#define TRUNKLINE_CTL_AUDIT_H

#include "ctl.h"

/* The verb's exit code; CTL_FAILED before it began when it can't be noted. */
int ctl_audit_run(struct ctl *c, const struct verb *verb, const struct args *args);

/* Name of who types; behind sudo, of who called it. */
const char *ctl_audit_operator(void);

#endif
