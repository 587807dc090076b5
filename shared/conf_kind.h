/* What values of settings look like. Private to conf.c. */
#ifndef TRUNKLINE_CONF_KIND_H
#define TRUNKLINE_CONF_KIND_H

#include <stddef.h>

#include "conf.h"

enum { DESCRIPTION = 128 };

struct row;

/* What a value of a row looks like: NULL-terminated text in, field out. */
struct kind {
    int (*set)(const struct row *row, void *field, const char *value);
    void (*describe)(const struct row *row, char buf[DESCRIPTION]);
};

struct row {
    const char *section, *key;
    const struct kind *kind;
    size_t offset;
    int64_t min, max; /* of a number; of a text its bytes */
    const char *preset;
    const char *unit; /* "" when it has none */
    const char *doc;
};

extern const struct kind KIND_TEXT, KIND_URL, KIND_NAME, KIND_INT, KIND_EITHER, KIND_BOOL,
    KIND_LEVEL, KIND_TARGET, KIND_ADDR, KIND_ADDRS, KIND_LISTEN, KIND_ADVERTISE, KIND_CODES,
    KIND_DAYS, KIND_MONEY, KIND_PAYER, KIND_HOSTS, KIND_NETWORKS, KIND_FORWARDED, KIND_COLLECTOR;

#endif
