/* Types of arguments: what each accepts, and the form that a value has once it is read. */
#ifndef TRUNKLINE_CTL_TYPE_H
#define TRUNKLINE_CTL_TYPE_H

#include <stdbool.h>

#include "span.h"

enum arg_type {
    ARG_FLAG,      /* takes no value: "1" */
    ARG_NAME,      /* printable text of 1..64 characters */
    ARG_TEXT,      /* printable text of 0..200 characters */
    ARG_REF,       /* visible ASCII characters; 1..64 */
    ARG_CALL,      /* visible ASCII characters; 1..255: a Call-ID, or our id */
    ARG_WORD,      /* letters, digits, '.', '_', '-'; 1..32 */
    ARG_FILE,      /* path, or "-" */
    ARG_ACCOUNT,   /* account number of 7 digits */
    ARG_COUNT,     /* integer between the row's bounds */
    ARG_LIMIT,     /* the same, or "none" */
    ARG_AMOUNT,    /* signed dollars, not zero: money units */
    ARG_PRICE,     /* dollars from zero up: money units */
    ARG_RATE,      /* dollars a minute: money units */
    ARG_RATE_OPT,  /* the same, or "none" */
    ARG_PERCENT,   /* 0..100 with two decimals: 1/10,000 */
    ARG_NUMBER,    /* NANP number: 10 digits */
    ARG_PREFIX,    /* 1..15 digits */
    ARG_PREFIXES,  /* such by comma */
    ARG_DIGITS,    /* 0..15 digits with or without a leading '+' */
    ARG_ADDRESSES, /* IP addresses or IPv4 blocks by comma */
    ARG_HOST,      /* IP address or host name, with or without a port: as typed */
    ARG_STATE,     /* state in capitals, or "tf" */
    ARG_TRANSPORT, /* udp, tcp or tls */
    ARG_MARK,      /* signed dollars, or "none": money units */
    ARG_URL,       /* visible ASCII characters; 1..512 */
    ARG_RESPORG,   /* RespOrg id of 5 characters, in capitals */
    ARG_SCOPES,    /* what a token may do, by comma */
    ARG_NETWORKS,  /* addresses or networks by comma; at most 1000 characters */
    ARG_TYPES
};

struct arg;

/* The value in the form for Redis, to be freed; NULL when it isn't of the row's type. */
char *ctl_type_read(const struct arg *arg, struct span s);

const char *ctl_type_metavar(enum arg_type type);
const char *ctl_type_expected(enum arg_type type); /* "an integer" */

/* Printable UTF-8 without control characters. */
bool ctl_type_printable(struct span s);

#endif
