/* Holds and rests that have ended make their numbers free. */
#include "job_private.h"
#include "keys.h"
#include "region.h"
#include "reply.h"

#define MOST 500

/* Frees what is due in one stock, a bounded number at a time, so that nobody waits long. */
static int expire(struct job_run *run, const char *stock)
{
    int64_t freed = MOST;
    int err = ERR_OK;
    while (err == ERR_OK && freed == MOST) {
        struct redisReply *r = NULL;
        err = redis_fcall(run->redis, &r, "inv_expire", key_inventory(stock).text,
                          scratch_printf(run->mem, "%d", MOST), NULL);
        if (err == ERR_OK)
            freed = reply_int(r, 1, 0);
        reply_free(r);
    }
    return err;
}

int job_expire(struct job_run *run)
{
    int err = expire(run, "tf");
    for (size_t i = 0; i < region_count && err == ERR_OK; i++)
        err = expire(run, region_codes[i]);
    return err;
}
