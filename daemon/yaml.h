/* Writes YAML lines with the indentation of a depth; texts are always quoted. */
#ifndef TRUNKLINE_YAML_H
#define TRUNKLINE_YAML_H

#include <stdio.h>

#include "err.h"

/* "key:" */
void yaml_open(FILE *out, int depth, const char *key);
/* "key: value", the value as it is: numbers, booleans, flow lists. */
void yaml_plain(FILE *out, int depth, const char *key, const char *value);
/* "key: \"text\"" */
void yaml_text(FILE *out, int depth, const char *key, const char *text);
void yaml_textf(FILE *out, int depth, const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* "key: {$ref: \"…\"}" is written as a block: key, then $ref one deeper. */
void yaml_ref(FILE *out, int depth, const char *key, const char *what, const char *name,
              const char *tail);

#endif
