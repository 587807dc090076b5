/* Rows of a file that can't be taken: the first are reported with line and reason, all counted. */
#ifndef TRUNKLINE_CTL_BAD_H
#define TRUNKLINE_CTL_BAD_H

#include "ctl_rows.h"

struct bad;

struct bad *ctl_bad_new(const char *file); /* file is borrowed */
void ctl_bad_free(struct bad *b);          /* accepts NULL */

void ctl_bad_add(struct bad *b, unsigned long line, const char *reason);
int64_t ctl_bad_count(const struct bad *b);

/* Says how many rows were not reported; a result in JSON gets the others as its `bad_rows`. */
void ctl_bad_attach(struct bad *b, struct rows *result, bool json);

#endif
