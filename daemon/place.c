#include "place.h"

#include <string.h>

#include "keys.h"
#include "region.h"
#include "reply.h"

static const char *state_at(size_t i)
{
    return i < region_count ? region_codes[i] : "tf";
}

/* Reply of inv_lookup: ok, then known, rate centre and city of each number. */
enum { KNOWN = 1, RATECENTER, CELLS = 3 };

static int take(const struct redisReply *r, const char *state, struct scratch *mem, size_t count,
                struct place ret[])
{
    int err = reply_check(r);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        const char *word = reply_text(r, KNOWN + CELLS * i);
        if (!*word)
            continue;
        ret[i] = (struct place){state, scratch_text(mem, reply_span(r, RATECENTER + CELLS * i)),
                                strcmp(word, "known") == 0 || ret[i].known};
        err = ret[i].ratecenter ? ERR_OK : ERR_NOMEM;
    }
    return err;
}

int place_find(struct redis_pool *redis, struct scratch *mem, const char *const numbers[],
               size_t count, struct place ret[])
{
    size_t states = region_count + 1;
    struct cmd *cmds = scratch_array(mem, states, sizeof(*cmds));
    struct redisReply **replies = scratch_array(mem, states, sizeof(struct redisReply *));
    if (!cmds || !replies)
        return ERR_NOMEM;
    memset(ret, 0, count * sizeof(*ret));
    for (size_t i = 0; i < states; i++) {
        cmd_fcall_ro(&cmds[i], "inv_lookup", key_inventory(state_at(i)).text);
        for (size_t n = 0; n < count; n++)
            cmd_text(&cmds[i], numbers[n]);
    }
    int err = redis_pipeline(redis, cmds, states, replies);
    for (size_t i = 0; i < states; i++) {
        if (err == ERR_OK)
            err = take(replies[i], state_at(i), mem, count, ret);
        reply_free(replies[i]);
        cmd_free(&cmds[i]);
    }
    return err;
}
