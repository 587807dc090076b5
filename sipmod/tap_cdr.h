/* A call as it was seen on the wire, from its INVITE to its end. */
#ifndef TRUNKLINE_TAP_CDR_H
#define TRUNKLINE_TAP_CDR_H

#include "directory.h"
#include "phone.h"
#include "rr.h"

enum { TAP_TEXT = 128, TAP_ATTEMPTS = 201 };

struct tap_cdr {
    struct source source; /* who sent the INVITE */
    char id[RR_CALL_ID + 1];
    char number[PHONE_E164_MAX + 1]; /* of ours: ten digits; else the dialled E.164 digits */
    char from[TAP_TEXT], to[TAP_TEXT], callid[TAP_TEXT];
    char place[ADDR_PORT_TEXT]; /* where the INVITE came from */
    bool led;                   /* it went on to a target */
    bool diverted;              /* with another number */
    char target[ADDR_PORT_TEXT];
    struct addr target_addr;
    char target_host[DIRECTORY_HOST]; /* of the Request-URI that it received */
    char attempts[TAP_ATTEMPTS];
    int64_t invite_us, rang_us, answer_us, end_us; /* unix time; 0: did not happen */
    int code;
    char reason[24];
    const char *by; /* "caller", "callee", "system" */
    bool estimated; /* its end was not seen */
};

#endif
