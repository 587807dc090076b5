/* What trunkctl top knows: fed by replies of Redis and by events, shown by its pages. */
#ifndef TRUNKLINE_CTL_TOP_STATE_H
#define TRUNKLINE_CTL_TOP_STATE_H

#include <uthash.h>

#include "ctl.h"
#include "ctl_event.h"
#include "redis.h"

enum {
    TOP_NAME = 64,
    TOP_TEXT = 128,
    TOP_SECONDS = 60,   /* that refusals are counted over */
    TOP_REASONS = 12,   /* told apart; the others are one */
    TOP_CALLS = 100,    /* latest ones kept */
    TOP_TRUNKS = 20000, /* known at most; the same of accounts */
    TOP_NODES = 200,
    TOP_GATEWAYS = 1000,
    TOP_TARGETS = 200, /* that are down */
    TOP_NO_LIMIT = -1,
};

enum top_sort { TOP_BY_SESSIONS, TOP_BY_CPS, TOP_BY_LOAD, TOP_BY_ASR, TOP_SORTS };

struct top_trunk {
    UT_hash_handle hh;
    char key[TOP_NAME]; /* ACCOUNT/TG */
    char account[24], id[16], direction[4];
    int64_t busy, sessions, cps_limit;
    int64_t today, answered, ms; /* calls of this day (UTC), those answered, how long these were */
    int64_t starting, cps;       /* in this second, in the one before */
};

struct top_account {
    UT_hash_handle hh;
    char name[24];
    int64_t live;
    bool hot; /* had events since it was read */
};

struct top_node {
    char name[TOP_NAME], address[TOP_NAME], version[16];
    int64_t seen, calls, watched, down; /* calls…: -1, not known */
};

struct top_gateway {
    char name[TOP_NAME];
    int64_t capacity, taken;
    bool off;
};

struct top_target {
    char node[TOP_NAME], target[TOP_NAME], why[TOP_NAME];
    int64_t since;
};

struct top_call {
    char account[24], call[72], tg[16], direction[4], number[24], state[TOP_NAME], from[TOP_TEXT];
    int64_t at;
    bool refused, over;
};

struct top_reason {
    char reason[24];
    int64_t counts[TOP_SECONDS];
};

struct top_rates {
    int64_t starts, answers, refusals;
};

struct top {
    const char *address;   /* of Redis */
    int64_t now, lease_ms; /* Redis TIME; silence after which a node is dead */
    bool up;               /* the link */
    char only[24];         /* account; "": all */
    struct top_trunk *trunks;
    struct top_account *accounts;
    struct top_node nodes[TOP_NODES];
    struct top_gateway gateways[TOP_GATEWAYS];
    struct top_target targets[TOP_TARGETS];
    size_t n_nodes, n_gateways, n_targets;
    struct top_call calls[TOP_CALLS]; /* ring, the latest before `next_call` */
    size_t next_call, n_calls;
    struct top_reason reasons[TOP_REASONS + 1];
    size_t n_reasons, second;        /* place in counts */
    struct top_rates counting, rate; /* this second, the one before */
};

void top_state_free(struct top *t);

void top_state_event(struct top *t, const struct event *e);
void top_state_second(struct top *t); /* a second is over */

/* Shows one account alone; "": all. What is known of others is forgotten. */
void top_state_only(struct top *t, const char *account);

/* NULL: there are too many. */
struct top_account *top_state_account(struct top *t, const char *name);
void top_state_totals(struct top *t, const char *account, const struct redisReply *reply);
void top_state_node(struct top *t, const char *name, const struct redisReply *node);
void top_state_health(struct top *t, const char *node, const struct redisReply *health);
/* Forgets those that are no more. */
void top_state_keep_nodes(struct top *t, const struct names *names);
void top_state_keep_gateways(struct top *t, const struct names *names);
/* HMGET of status and capacity. */
void top_state_gateway(struct top *t, const char *name, const struct redisReply *fields);
void top_state_places(struct top *t, const char *gateway, int64_t taken);

/* Sums over all that is known. */
struct top_sums {
    int64_t live, today, answered, ms;
};
struct top_sums top_state_sums(const struct top *t);

/* Refusals of the last minute, by reason; the reasons that had none are passed over. */
int64_t top_state_refusals(const struct top *t, size_t reason);

/* The trunks, sorted; to be freed. */
struct top_trunk **top_state_trunks(const struct top *t, enum top_sort sort, size_t *ret_n);
/* The i-th latest call; NULL: there are fewer. */
const struct top_call *top_state_call(const struct top *t, size_t i);
bool top_state_is_alive(const struct top *t, const struct top_node *node);

#endif
