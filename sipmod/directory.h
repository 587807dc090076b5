/* Who may send us calls, and where calls may leave: all source addresses and gateways, held in
 * memory and kept in step with Redis, so that a packet from a stranger costs one look-up. */
#ifndef TRUNKLINE_DIRECTORY_H
#define TRUNKLINE_DIRECTORY_H

#include "addr.h"
#include "store.h"
#include "transport.h"

enum { DIRECTORY_NAME = 65, DIRECTORY_ID = 21, DIRECTORY_HOST = 256 };

enum source_kind { SOURCE_CARRIER, SOURCE_TRUNK };

struct source {
    enum source_kind kind;
    char name[DIRECTORY_NAME];  /* carrier */
    char account[DIRECTORY_ID]; /* trunk */
    char tg[DIRECTORY_ID];      /* trunk */
};

struct gateway {
    char name[DIRECTORY_NAME];
    char host[DIRECTORY_HOST];
    uint16_t port; /* 0: by the host's SRV records */
    enum protocol protocol;
    char prefix[DIRECTORY_ID]; /* put before the number */
    unsigned strip;            /* digits cut first */
    bool active;
    bool limited; /* it has a capacity or calls a second */
};

struct directory;

/* `synced` is called each time both tables have been read whole. */
MUST_CHECK int directory_new(struct directory **ret, struct store *store, void (*synced)(void *arg),
                             void *arg);
void directory_free(struct directory *d); /* accepts NULL */

/* Reads one entry again; empty: all. */
void directory_refresh_source(struct directory *d, struct span address);
void directory_refresh_gateway(struct directory *d, struct span name);

/* NULL: not listed. Borrowed until the loop's next turn. */
const struct source *directory_source(const struct directory *d, const struct addr *address);
const struct gateway *directory_gateway(const struct directory *d, struct span name);
/* One to which `address` belongs, or whose name is `host`. */
const struct gateway *directory_gateway_at(const struct directory *d, const struct addr *address,
                                           struct span host);
/* Whether it is such a one. */
bool directory_leads_to(const struct gateway *g, const struct addr *address, struct span host);

#endif
