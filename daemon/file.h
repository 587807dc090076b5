/* The folder of files that customers fetch or send: invoices, call records, documents of port
 * orders. Names within it are our own: folders and names of letters, digits, '.', '_' and '-'. */
#ifndef TRUNKLINE_FILE_H
#define TRUNKLINE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

struct file {
    int fd;
    int64_t size;
    int64_t changed_ns; /* unix time of the last change */
};

/* Opens a regular file for reading; links are not followed. ERR_NOT_FOUND, ERR_SYSTEM. */
MUST_CHECK int file_open(const char *dir, struct span name, struct file *ret);

/* Writes a file whole or not at all, makes the folders it lies in, replaces one that is there.
 * ERR_INVALID: no name of ours; ERR_SYSTEM: errno tells. */
MUST_CHECK int file_store(const char *dir, const char *name, struct span data);

/* Takes a file away that nothing names; one that stays does no harm. */
void file_remove(const char *dir, const char *name);

/* Media type by the name's ending. */
const char *file_media_type(struct span name);
/* Whether a browser may show it in its window: PDF and pictures of our own making. */
bool file_shown(struct span name);

#endif
