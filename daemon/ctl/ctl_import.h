/* An import from a CSV file: good rows are taken, bad ones reported with their line, a bar shows
 * how far it is, and it may be repeated. It fails when Redis does, or when the file has no good
 * row. */
#ifndef TRUNKLINE_CTL_IMPORT_H
#define TRUNKLINE_CTL_IMPORT_H

#include "ctl.h"
#include "ctl_csv.h"
#include "ctl_rows.h"

/* What differs between imports. `arg` is the import's own state. */
struct import {
    const char *const *header;
    const struct column *result; /* with rows and bad among them */
    /* NULL when the row was taken, else why it can't be. */
    const char *(*take)(void *arg, const struct span fields[CSV_FIELDS]);
    bool (*full)(const void *arg); /* it is time to flush */
    bool (*flush)(void *arg);      /* sends what was taken; false after a message */
    /* Sets columns of its own; returns how many rows were taken. */
    int64_t (*report)(const void *arg, struct rows *result);
};

/* Returns the exit code. */
int ctl_import(struct ctl *c, const char *file, const struct import *import, void *arg);

/* Rows on their way in calls of one function, each row some arguments of it. */
struct import_call {
    struct ctl *ctl;
    const char *function;
    struct key key;
    struct cmd cmd; /* under construction; empty when nothing waits */
    size_t waiting;
    int64_t taken;
    int64_t counted; /* sum of the replies' first elements */
};

/* A row begins: the caller appends its arguments to the command. */
struct cmd *ctl_import_row(struct import_call *call);
bool ctl_import_call_full(const void *call);
bool ctl_import_call_flush(void *call);

#endif
