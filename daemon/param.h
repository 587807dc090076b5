/* Parameter types: strict reading of raw text into the arguments of an operation. */
#ifndef TRUNKLINE_PARAM_H
#define TRUNKLINE_PARAM_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "scratch.h"
#include "span.h"

enum { PARAM_LIST_MAX = 1000, PARAM_ID_MAX_DIGITS = 12 };

enum param_type {
    PARAM_TEXT,    /* printable UTF-8; min..max characters */
    PARAM_ACCOUNT, /* 1-32 of A-Z a-z 0-9 _ . - */
    PARAM_STATE,   /* two-letter code, any case → upper case */
    PARAM_BLOCK,   /* NPANXX */
    PARAM_PHONE,   /* → 10 digits */
    PARAM_PHONES,  /* list by comma, duplicates dropped */
    PARAM_ID,
    PARAM_IDS,
    PARAM_COUNT,   /* integer min..max */
    PARAM_DIGITS,  /* min..max digits, leading zeros kept */
    PARAM_CHOICE,  /* one of `choices`, any case → as written there */
    PARAM_IP,      /* → canonical text */
    PARAM_MINUTES, /* "Unlimited" or minutes a month */
    PARAM_DATE,    /* → unix ms */
    PARAM_MONEY,   /* → 1/10,000 of a dollar */
    PARAM_FILE,    /* multipart part with a file name */
};

struct param {
    const char *name; /* as the endpoint documents it; NULL ends a list */
    enum param_type type;
    bool required;
    int64_t min, max;
    const char *choices; /* by '|' */
    const char *doc;
    const char *added; /* not NULL: an addition to the document */
    bool secret;       /* never noted anywhere */
};

/* A checked value. Texts live in the request's scratch. */
struct arg {
    bool given;         /* present in the request, maybe empty */
    bool set;           /* and not empty */
    const char *text;   /* canonical; "" when not set */
    int64_t number;     /* ID, COUNT, DATE (ms), MONEY */
    const char **items; /* lists */
    struct span file;   /* FILE: its content, as it lies in the body */
    size_t count;
};

/* Reads non-empty text. ERR_INVALID, ERR_RANGE, ERR_NOMEM; ret untouched then. */
MUST_CHECK int param_read(const struct param *p, struct span text, struct scratch *mem,
                          struct arg *ret);

/* What the type takes, for the refusal's detail and the OpenAPI document. */
const char *param_type_text(enum param_type type);

#endif
