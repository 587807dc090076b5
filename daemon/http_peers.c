#include "http_peers.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

enum { BUCKETS = 1024 };

struct http_peer {
    struct http_peer *next;
    uint64_t address; /* IPv4 address, or the first half of an IPv6 one */
    size_t count, bucket;
};

struct http_peers {
    uint64_t salt; /* nobody chooses addresses that meet in one bucket */
    struct http_peer *buckets[BUCKETS];
};

struct http_peers *http_peers_new(void)
{
    char salt[2 * sizeof(uint64_t) + 1];
    struct http_peers *p = calloc(1, sizeof(*p));
    if (p && secret_random_hex(sizeof(uint64_t), salt) == ERR_OK) {
        p->salt = strtoull(salt, NULL, 16);
        return p;
    }
    free(p);
    return NULL;
}

void http_peers_free(struct http_peers *p)
{
    free(p);
}

static uint64_t address_of(const struct sockaddr *from)
{
    uint64_t address = 0;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof(v4));
        return v4.sin_addr.s_addr;
    }
    if (from->sa_family == AF_INET6) {
        memcpy(&v6, from, sizeof(v6));
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
        memcpy(&address, v6.sin6_addr.s6_addr + (mapped ? 8 : 0), sizeof(address));
    }
    return address;
}

static size_t bucket_of(const struct http_peers *p, uint64_t address)
{
    uint64_t mixed = (address ^ p->salt) * 0x9e3779b97f4a7c15U;
    return (size_t)(mixed >> 32) % BUCKETS;
}

struct http_peer *http_peers_enter(struct http_peers *p, const struct sockaddr *from)
{
    uint64_t address = address_of(from);
    size_t bucket = bucket_of(p, address);
    struct http_peer *peer = p->buckets[bucket];
    while (peer && peer->address != address)
        peer = peer->next;
    if (!peer) {
        peer = calloc(1, sizeof(*peer));
        if (!peer)
            return NULL;
        peer->address = address;
        peer->bucket = bucket;
        peer->next = p->buckets[bucket];
        p->buckets[bucket] = peer;
    }
    peer->count++;
    return peer;
}

void http_peers_leave(struct http_peers *p, struct http_peer *peer)
{
    if (!peer || --peer->count > 0)
        return;
    struct http_peer **link = &p->buckets[peer->bucket];
    while (*link != peer)
        link = &(*link)->next;
    *link = peer->next;
    free(peer);
}

size_t http_peer_count(const struct http_peer *peer)
{
    return peer ? peer->count : 0;
}
