/* Error codes shared by all programs: zero is success, every error is negative. */
#ifndef TRUNKLINE_ERR_H
#define TRUNKLINE_ERR_H

enum err {
    ERR_OK = 0,
    ERR_NOMEM = -1,       /* allocation failed */
    ERR_INVALID = -2,     /* malformed value */
    ERR_RANGE = -3,       /* well formed, outside what is allowed */
    ERR_NOT_FOUND = -4,   /* no such thing */
    ERR_EXISTS = -5,      /* there is one already */
    ERR_REFUSED = -6,     /* a business rule said no; the reply tells which */
    ERR_TIMEOUT = -7,     /* no answer within the deadline; the effect is unknown */
    ERR_UNAVAILABLE = -8, /* the peer can't be reached */
    ERR_PROTOCOL = -9,    /* the peer answered something unexpected */
    ERR_TOO_LARGE = -10,  /* over a size limit */
    ERR_VERSION = -11,    /* schema of another version */
    ERR_SYSTEM = -12,     /* a system call failed; errno tells why */
};

/* Results that carry an error must be looked at. */
#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/* English text of an error code, never NULL. */
const char *err_text(int err);

#endif
