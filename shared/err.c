#include "err.h"

#include <stddef.h>

static const char *const TEXTS[] = {
    [-ERR_OK] = "ok",
    [-ERR_NOMEM] = "out of memory",
    [-ERR_INVALID] = "malformed value",
    [-ERR_RANGE] = "value out of range",
    [-ERR_NOT_FOUND] = "not found",
    [-ERR_EXISTS] = "exists already",
    [-ERR_REFUSED] = "refused",
    [-ERR_TIMEOUT] = "no answer in time",
    [-ERR_UNAVAILABLE] = "peer can't be reached",
    [-ERR_PROTOCOL] = "unexpected answer",
    [-ERR_TOO_LARGE] = "too large",
    [-ERR_VERSION] = "schema of another version",
    [-ERR_SYSTEM] = "system call failed",
};

enum { LAST = (int)(sizeof(TEXTS) / sizeof(TEXTS[0])) - 1 };

const char *err_text(int err)
{
    if (err > 0 || err < -LAST || TEXTS[-err] == NULL)
        return "unknown error";
    return TEXTS[-err];
}
