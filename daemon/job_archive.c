/* CDRs and audit logs go from their streams to files; from the stream they go when they are old
 * enough. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "archive.h"
#include "clock.h"
#include "job_private.h"
#include "keys.h"
#include "log.h"
#include "num.h"

enum {
    BATCH = 500,
    BUDGET_MS = 3000,    /* of one turn: the other jobs wait, and the lock's lease runs */
    COMPLAIN_MS = 60000, /* the same trouble is told so often */
    TRIM_TURNS = 60,     /* accounts without new CDRs are trimmed now and then */
    HOUR_MS = 3600 * 1000,
};

/* A kind of streams, one an account. */
struct source {
    const struct archive_kind *kind;
    const char *what; /* in messages */
    const char *read, *trim;
    struct key (*key)(const char *account);
    int64_t keep_hours;
};

struct memory {
    int64_t complained_ms; /* 0: all is well */
    size_t next;           /* account to begin with */
};

static void complain(struct job_run *run, const struct source *s, const char *what,
                     const char *account, int err)
{
    struct memory *m = *run->kept;
    int why = errno;
    run->trouble = true;
    int64_t now = clock_boot_ms();
    if (m->complained_ms && now - m->complained_ms < COMPLAIN_MS)
        return;
    m->complained_ms = now;
    log_error("%s%s%s: %s: %s; they stay in Redis until it is mended", s->what,
              *account ? " of account " : "", account, what,
              err == ERR_SYSTEM ? strerror(why) : err_text(err));
}

static int trim(struct job_run *run, const struct source *s, const char *account, const char *last)
{
    struct redisReply *r = NULL;
    int err = redis_fcall(run->redis, &r, s->trim, s->key(account).text, last,
                          scratch_printf(run->mem, "%" PRId64, s->keep_hours * HOUR_MS), NULL);
    reply_free(r);
    return err;
}

/* Archives one batch; *ret_more: there may be another. */
static int archive_batch(struct job_run *run, const struct source *s, struct archive *a,
                         const char *account, bool *ret_more)
{
    struct redisReply *r = NULL;
    struct table t;
    int err = redis_fcall_ro(run->redis, &r, s->read, s->key(account).text, archive_last(a),
                             scratch_printf(run->mem, "%d", BATCH), NULL);
    if (err == ERR_OK)
        err = table_open(r, 1, &t);
    for (size_t row = 0; err == ERR_OK && row < t.rows; row++)
        err = archive_add(a, &t, row);
    *ret_more = err == ERR_OK && t.rows == BATCH;
    bool any = err == ERR_OK && t.rows > 0;
    reply_free(r);
    if (any)
        err = archive_commit(a);
    if (err == ERR_OK && *archive_last(a) && (any || run->turn % TRIM_TURNS == 0))
        err = trim(run, s, account, archive_last(a));
    return err;
}

static bool is_of_redis(int err)
{
    return err == ERR_TIMEOUT || err == ERR_UNAVAILABLE;
}

/* Trouble of one account's files is told and keeps no other from its turn. */
static int archive_account(struct job_run *run, const struct source *s, const char *account,
                           int64_t until_ms)
{
    struct archive *a = NULL;
    const char *dir = service_conf(run->service)->files.dir;
    bool more = true;
    int err = archive_open(&a, dir, s->kind, account);
    while (err == ERR_OK && more && clock_boot_ms() < until_ms)
        err = archive_batch(run, s, a, account, &more);
    archive_close(a);
    if (is_of_redis(err))
        return err;
    if (err != ERR_OK)
        complain(run, s, err == ERR_INVALID ? "the archive's position file" : "not archived",
                 account, err);
    return err == ERR_OK ? ERR_OK : ERR_REFUSED;
}

static int archive_all(struct job_run *run, const struct source *s,
                       const struct job_names *accounts)
{
    struct memory *m = *run->kept;
    int64_t until_ms = clock_boot_ms() + BUDGET_MS;
    bool well = true;
    size_t i = 0;
    for (; i < accounts->count && clock_boot_ms() < until_ms; i++) {
        const char *account = accounts->items[(m->next + i) % accounts->count];
        int err = archive_account(run, s, account, until_ms);
        if (is_of_redis(err))
            return err;
        well &= err == ERR_OK;
    }
    m->next = accounts->count ? (m->next + i) % accounts->count : 0;
    if (well && m->complained_ms) {
        log_info("%s are archived again", s->what);
        m->complained_ms = 0;
    }
    return ERR_OK;
}

/* `more`: one that is no account's; or NULL. */
static int archive_source(struct job_run *run, const struct source *s, const char *more)
{
    struct job_names accounts;
    int lock = -1;
    const char *dir = service_conf(run->service)->files.dir;
    struct memory *m = *run->kept;
    if (!m)
        m = *run->kept = calloc(1, sizeof(*m));
    if (!m || !*dir)
        return m ? ERR_OK : ERR_NOMEM;
    int err = job_index(run, KEY_ACCOUNTS, &accounts);
    if (err != ERR_OK)
        return err;
    err = archive_lock(dir, s->kind, &lock);
    if (err == ERR_EXISTS)
        return ERR_OK; /* another process is at it, however it got the job */
    if (err != ERR_OK) {
        complain(run, s, dir, "", err);
        return ERR_OK;
    }
    if (more)
        err = archive_account(run, s, more, clock_boot_ms() + BUDGET_MS);
    if (!is_of_redis(err))
        err = archive_all(run, s, &accounts);
    archive_unlock(lock);
    return err;
}

int job_archive(struct job_run *run)
{
    const struct source cdrs = {
        .kind = &archive_cdrs,
        .what = "CDRs",
        .read = "cdr_read",
        .trim = "cdr_trim",
        .key = key_account,
        .keep_hours = service_conf(run->service)->files.cdr_hours,
    };
    return archive_source(run, &cdrs, NULL);
}

int job_audit(struct job_run *run)
{
    const struct source logs = {
        .kind = &archive_audit,
        .what = "audit logs",
        .read = "audit_read",
        .trim = "audit_trim",
        .key = key_audit,
        .keep_hours = service_conf(run->service)->files.audit_hours,
    };
    return archive_source(run, &logs, KEYS_ALL);
}
