/* What the ops page shows, as last read: accounts and trunks with what changed since the reading
 * before, and the last quarter of an hour. Of one thread. */
#ifndef TRUNKLINE_OPS_BOARD_H
#define TRUNKLINE_OPS_BOARD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "reply.h"

enum { OPS_SECONDS = 900, OPS_STEP_S = 15, OPS_STEPS = OPS_SECONDS / OPS_STEP_S };
enum { OPS_NO_LIMIT = -1, OPS_TITLE = 64 };

struct ops_trunk {
    char account[33], id[17], direction[4], title[OPS_TITLE];
    int64_t sessions, cps; /* limits, or OPS_NO_LIMIT */
    int64_t busy, processed, completed, ms;
    int64_t today, today_answered, today_ms; /* of this day, UTC */
    double rate;                             /* new calls a second */
    struct {
        int32_t ended, answered;
    } steps[OPS_STEPS]; /* ring */
};

struct ops_account {
    char name[33];
    int64_t admitted, refused, cdrs, live, held;
    int64_t processed, completed; /* of all trunks */
    double rate;
    int64_t read_us; /* 0: never */
    struct ops_trunk *trunks;
    size_t trunk_n;
    bool listed;
};

/* One second; numbers of calls. */
struct ops_point {
    int64_t at_ms;
    bool known; /* Redis answered, and all accounts have been read */
    int64_t live, processed, completed;
    double rate, answered, refused;
};

/* What else is shown, each made by one reading. */
enum ops_part {
    OPS_REDIS,
    OPS_NODES,
    OPS_GATEWAYS,
    OPS_JOBS,
    OPS_WEBHOOKS,
    OPS_CAUSES,
    OPS_LATEST,
    OPS_PARTS,
};

struct ops_board {
    struct ops_account **accounts; /* by name */
    size_t account_n, cursor;
    int64_t step; /* number of the current one */
    struct ops_point points[OPS_SECONDS];
    size_t point_n, point_at; /* ring: the next one's place */
    json_t *parts[OPS_PARTS]; /* NULL: not known */
    bool up;
    const char *trouble; /* why not; static */
    int64_t trip_us;     /* of one short question */
};

struct ops_board *ops_board_new(void);    /* NULL when out of memory */
void ops_board_free(struct ops_board *b); /* accepts NULL */

/* Takes index_list's reply: accounts come and go. ERR_NOMEM. */
MUST_CHECK int ops_board_list(struct ops_board *b, const struct redisReply *names);

/* Takes call_totals' reply of an account, at any clock's microseconds. ERR_NOMEM, ERR_PROTOCOL. */
MUST_CHECK int ops_board_take(struct ops_board *b, struct ops_account *a,
                              const struct redisReply *totals, int64_t now_us);

/* Takes a part, which it frees. NULL: not known any more. */
void ops_board_part(struct ops_board *b, enum ops_part part, json_t *value);

/* Sums of all accounts, of which rate, live and what ended are told. */
struct ops_point ops_board_sum(const struct ops_board *b);
/* Adds a second. */
void ops_board_add(struct ops_board *b, const struct ops_point *p);
/* The point that came n before the latest one; NULL: none. */
const struct ops_point *ops_board_before(const struct ops_board *b, size_t n);

/* A new step of all trunks begins when it is time. */
void ops_board_step(struct ops_board *b, int64_t now_ms);

/* The busiest trunks, at most `most`, into an array of so many; how many there are. */
size_t ops_board_top(const struct ops_board *b, const struct ops_trunk **ret, size_t most);

#endif
