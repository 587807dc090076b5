/* The keys of a reply, read from endpoint.reply one by one. */
#ifndef TRUNKLINE_ENDPOINT_KEY_H
#define TRUNKLINE_ENDPOINT_KEY_H

#include <stdbool.h>

#include "span.h"

enum endpoint_key_kind {
    ENDPOINT_KEY_TEXT,
    ENDPOINT_KEY_FLAG,    /* a boolean */
    ENDPOINT_KEY_TEXTS,   /* a list of texts */
    ENDPOINT_KEY_OBJECTS, /* a list of objects: their keys follow up to a CLOSE */
    ENDPOINT_KEY_CLOSE,
};

struct endpoint_key {
    struct span name;
    enum endpoint_key_kind kind;
    bool added; /* an addition to the document */
    bool paged; /* only when paging is asked for */
};

/* Cuts the next key off; false at the end. */
bool endpoint_key_next(struct span *rest, struct endpoint_key *ret);

#endif
