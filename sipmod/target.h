/* Where a call may go: a trunk's own address, a gateway, or a number to forward to. */
#ifndef TRUNKLINE_TARGET_H
#define TRUNKLINE_TARGET_H

#include "admit.h"
#include "out.h"

enum { TARGET_USER = 48 };

/* A forward target stands for the gateways that lead to its number. */
struct target {
    bool forward;
    char user[TARGET_USER]; /* digits of the Request-URI */
    char host[DIRECTORY_HOST];
    uint16_t port;
    enum protocol protocol;
    char gateway[DIRECTORY_NAME]; /* "" if a trunk's own address */
    char place[ADDR_PORT_TEXT];   /* address and port once known */
    struct flow to;
    bool forwarded; /* another number than the one called */
    bool down;      /* was found so: it has its turn after all others */
    bool limited;   /* its gateway's places are counted */
    bool placed;    /* it may have one */
};

void target_to_trunk(struct target *t, const struct admit_target *a, const char *number);

/* Digits cut off the number, a prefix put before. */
void target_to_gateway(struct target *t, const struct gateway *g, const char *e164);

/* Where the target is to be reached from `prefer` if it can be; no listener: it can't. `a`: its
 * address, NULL: none. */
struct flow target_flow(const struct target *t, struct transport *tr, const struct addr *a,
                        struct listener *prefer);

/* The Request-URI; t->to is known. */
void target_uri(const struct target *t, struct out *o);

/* Moves targets that are down behind those that aren't. */
void target_down_last(struct target *rest, size_t n);

#endif
