/* Names of Redis keys and channels: built here and nowhere else in C (redis-schema/KEYS.md). */
#ifndef TRUNKLINE_KEYS_H
#define TRUNKLINE_KEYS_H

#include "addr.h"
#include "phone.h"

enum { KEY_MAX = 128 };

struct key {
    char text[KEY_MAX];
};

struct key key_account(const char *account);    /* {a:ACCT}: base key of an account */
struct key key_inventory(const char *state);    /* inv:{ST}: "WA", or "tf" for toll-free */
struct key key_did(const char *number);         /* did:N */
struct key key_port(const char *number);        /* port:N: the open port-in order of a number */
struct key key_source(const char *address);     /* ip:ADDR, canonical text */
struct key key_gateway(const char *name);       /* gw:{G} */
struct key key_gateway_calls(const char *name); /* gw:{G}:calls: its places that are taken */
struct key key_deck(const char *deck);          /* lcr:{DECK} */
struct key key_sequence(const char *what);      /* seq:WHAT */
struct key key_node(const char *node);          /* node:NODE */
struct key key_node_health(const char *node);   /* node:NODE:health */
struct key key_job(const char *job);            /* job:NAME: lock of a background job */
struct key key_trace(const char *id);           /* trace:{ID} */

struct key key_revision(const char *base); /* BASE:rev, of an account or an inventory */

/* audit:{a:ACCT}, or audit:{all} of KEYS_ALL: writes of no one account */
struct key key_audit(const char *account);
#define KEYS_ALL         "all"

#define KEY_SCHEMA       "schema"       /* hash: version of the loaded schema */
#define KEY_COVERAGE     "lnp:coverage" /* hash: what can be ported in */
#define KEY_ACCOUNTS     "accounts"     /* set of account numbers */
#define KEY_SOURCES      "sources"      /* set of addresses that have an ip:ADDR */
#define KEY_GATEWAYS     "gateways"     /* set of gateway names */
#define KEY_NODES        "nodes"        /* set of sipmod instances */
#define KEY_HOOKS        "hooks"        /* set of accounts that have a webhook */
#define KEY_TRACES       "traces"       /* set of traces */
#define KEY_OPS          "{ops}"        /* base key of the ops page's operators */
#define CHANNEL_SOURCES  "tl:sources"   /* an address that changed */
#define CHANNEL_GATEWAYS "tl:gateways"  /* a gateway that changed */
#define CHANNEL_KILL     "tl:kill"      /* a call that an operator ends */
#define CHANNEL_CALLS    "tl:calls"     /* calls that begin, are answered, end, are refused */
#define CHANNEL_ACCOUNTS "tl:accounts"  /* an account whose status or tokens changed */
#define CHANNEL_TRACE    "tl:trace"     /* a trace that changed */
#define CHANNEL_CALLS    "tl:calls"     /* calls as they happen */
#define CHANNEL_TRUNKS   "tl:trunks"    /* trunks as they change */
#define CHANNEL_HEALTH   "tl:health"    /* next hops as they go down and come back */

#endif
