/* Private to the Redis clients: where a server is and how to log in. */
#ifndef TRUNKLINE_REDIS_TARGET_H
#define TRUNKLINE_REDIS_TARGET_H

#include <stdint.h>

#include "redis.h"

enum { REDIS_TARGET_TEXT = 256, REDIS_TARGET_PATH = 108 }; /* 108: sun_path of sockaddr_un */

struct redis_target {
    char name[REDIS_TARGET_TEXT]; /* the address as given, for the log */
    char host[REDIS_TARGET_TEXT]; /* empty: a unix socket */
    char path[REDIS_TARGET_PATH];
    uint16_t port;
    char user[REDIS_TARGET_TEXT];
    char password[REDIS_TARGET_TEXT];
    int64_t timeout_ms;
};

/* Reads "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". ERR_INVALID: another form or too long. */
MUST_CHECK int redis_target_address(const char *address, struct redis_target *ret);

/* Copies all settings. ERR_INVALID, ERR_RANGE (timeout_ms not positive). */
MUST_CHECK int redis_target_set(const struct redis_settings *settings, struct redis_target *ret);

/* Appends the arguments of AUTH; nothing when the server asks for no password. */
void redis_target_auth(const struct redis_target *t, struct cmd *c);

#endif
