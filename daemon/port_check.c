#include "port_check.h"

#include <stdbool.h>
#include <string.h>

#include "keys.h"
#include "phone.h"
#include "place.h"
#include "reply.h"

enum { CODE_DIGITS = 3, BLOCK_DIGITS = 6 };

const char port_on_order[] = "on an open port order";
static const char not_covered[] = "not in our port-in coverage", in_service[] = "in service here",
                  in_stock[] = "in our own inventory";

/* What coverage may call a number's place: NPANXX or toll-free code. */
static const char *code_of(struct scratch *mem, const char *tollfree_codes, const char *number)
{
    bool tollfree = phone_tollfree(tollfree_codes, number);
    size_t n = tollfree ? CODE_DIGITS : BLOCK_DIGITS;
    return scratch_text(mem, (struct span){number, n});
}

/* Asks the coverage for a name of each number that has none yet; NULL names are passed over. */
static int ask_coverage(struct redis_pool *redis, const char *const names[], size_t count,
                        struct scratch *mem, struct port_number ret[])
{
    struct redisReply *r = NULL;
    struct cmd c = {0};
    size_t asked = 0;
    cmd_fcall_ro(&c, "coverage_check", KEY_COVERAGE);
    for (size_t i = 0; i < count; i++) {
        if (names[i])
            cmd_text(&c, names[i]);
        asked += names[i] != NULL;
    }
    int err = asked ? redis_send(redis, &c, &r) : ERR_OK;
    for (size_t i = 0, at = 1; i < count && asked && err == ERR_OK; i++) {
        if (!names[i])
            continue;
        bool covered = strcmp(reply_text(r, at), "1") == 0;
        ret[i].reason = covered ? NULL : not_covered;
        ret[i].state = covered ? scratch_text(mem, reply_span(r, at + 1)) : NULL;
        err = covered && !ret[i].state ? ERR_NOMEM : ERR_OK;
        at += 2;
    }
    cmd_free(&c);
    reply_free(r);
    return err;
}

static int check_codes(struct redis_pool *redis, struct scratch *mem, const char *tollfree_codes,
                       size_t count, struct port_number ret[])
{
    const char **names = scratch_array(mem, count, sizeof(*names));
    for (size_t i = 0; names && i < count; i++) {
        names[i] = code_of(mem, tollfree_codes, ret[i].number);
        if (!names[i])
            return ERR_NOMEM;
    }
    return names ? ask_coverage(redis, names, count, mem, ret) : ERR_NOMEM;
}

/* Numbers whose code is not covered may lie in a rate centre that is, as the inventory knows. */
static int check_places(struct redis_pool *redis, struct scratch *mem, const char *const numbers[],
                        size_t count, struct port_number ret[])
{
    struct place *places = scratch_array(mem, count, sizeof(*places));
    const char **names = scratch_array(mem, count, sizeof(*names));
    int err = places && names ? place_find(redis, mem, numbers, count, places) : ERR_NOMEM;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        if (ret[i].reason && places[i].state && *places[i].ratecenter)
            names[i] = scratch_printf(mem, "%s|%s", places[i].state, places[i].ratecenter);
    }
    if (err == ERR_OK)
        err = ask_coverage(redis, names, count, mem, ret);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        ret[i].reason = places[i].known ? in_stock : ret[i].reason;
    return err;
}

/* One read of a key for each number: a reply that is "ok" is the reason. */
static int check_key(struct redis_pool *redis, struct scratch *mem, const char *function,
                     struct key (*key)(const char *), const char *reason, size_t count,
                     struct port_number ret[])
{
    struct cmd *cmds = scratch_array(mem, count, sizeof(*cmds));
    struct redisReply **replies = scratch_array(mem, count, sizeof(struct redisReply *));
    if (!cmds || !replies)
        return ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        cmd_fcall_ro(&cmds[i], function, key(ret[i].number).text);
    int err = redis_pipeline(redis, cmds, count, replies);
    for (size_t i = 0; i < count; i++) {
        int result = err == ERR_OK ? reply_check(replies[i]) : err;
        if (result == ERR_OK)
            ret[i].reason = reason;
        else if (result != ERR_REFUSED)
            err = result;
        reply_free(replies[i]);
        cmd_free(&cmds[i]);
    }
    return err;
}

int port_check(struct redis_pool *redis, struct scratch *mem, const char *tollfree_codes,
               const char *const numbers[], size_t count, struct port_number ret[])
{
    for (size_t i = 0; i < count; i++)
        ret[i] = (struct port_number){.number = numbers[i]};
    int err = check_codes(redis, mem, tollfree_codes, count, ret);
    if (err == ERR_OK)
        err = check_places(redis, mem, numbers, count, ret);
    if (err == ERR_OK)
        err = check_key(redis, mem, "did_route", key_did, in_service, count, ret);
    if (err == ERR_OK)
        err = check_key(redis, mem, "port_holder", key_port, port_on_order, count, ret);
    return err;
}
