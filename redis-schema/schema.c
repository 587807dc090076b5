#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "keys.h"
#include "schema_install.h"
#include "secret.h"

enum { OWNER_BYTES = 8, OWNER_HEX = 2 * OWNER_BYTES + 1 };
enum { LEASE_MS = 30000, PATIENCE_MS = 10000, PAUSE_MS = 20 };

/* The change of keys from a version to the next; versions that changed functions alone have no row.
 * A step runs before the new libraries are there, and again when it was cut short: it must bear
 * that. */
struct step {
    int64_t from;
    int (*run)(struct redis_pool *p, char error[SCHEMA_ERROR]);
};

static const struct step STEPS[] = {
    {0, NULL}, /* end */
};

static int run_steps(struct redis_pool *p, int64_t from, int64_t to, char error[SCHEMA_ERROR])
{
    for (int64_t version = from; version < to; version++) {
        for (const struct step *s = STEPS; s->run != NULL; s++) {
            int err = s->from == version ? s->run(p, error) : ERR_OK;
            if (err != ERR_OK)
                return err;
        }
    }
    return ERR_OK;
}

static int newer(int64_t held, int64_t known, char error[SCHEMA_ERROR])
{
    snprintf(error, SCHEMA_ERROR,
             "Redis holds schema %" PRId64 ", this program knows %" PRId64 ": upgrade the program",
             held, known);
    return ERR_VERSION;
}

enum manner { LATEST, REPLACE }; /* REPLACE: those of a later release, too */

/* Brings a server that nobody else is changing to a bundle. */
static int bring(struct redis_pool *p, const struct schema_bundle *b, enum manner manner,
                 char error[SCHEMA_ERROR])
{
    struct schema_held held;
    int err = schema_held_read(p, &held, error);
    enum schema_build build = SCHEMA_SAME_BUILD;
    struct span release = {0};
    if (err != ERR_OK || schema_held_is(&held, b))
        goto out;
    build = schema_held_build(&held, b);
    release = schema_held_release(&held);
    if (build == SCHEMA_LATER_BUILD && manner == LATEST) {
        snprintf(error, SCHEMA_ERROR,
                 "the functions of release %.*s stay in Redis; this program is %s", (int)release.n,
                 release.p, TRUNKLINE_VERSION);
        goto out;
    }
    if (held.version > b->version) {
        err = newer(held.version, b->version, error);
        goto out;
    }
    if (held.version != SCHEMA_ABSENT)
        err = run_steps(p, held.version, b->version, error);
    if (err == ERR_OK)
        err = schema_install(p, &held, b, error);
    if (err == ERR_OK && build != SCHEMA_SAME_BUILD)
        snprintf(error, SCHEMA_ERROR,
                 "the functions of another build (release %.*s) were replaced by this one's",
                 (int)release.n, release.p);
out:
    schema_held_free(&held);
    return err;
}

/* Takes the lock of loaders; no function is there yet to do it. */
static int lock(struct redis_pool *p, const char *owner, bool *ret_taken, char error[SCHEMA_ERROR])
{
    struct cmd c = {0};
    struct redisReply *reply = NULL;
    cmd_text(&c, "SET");
    cmd_text(&c, key_job(KEY_SCHEMA).text);
    cmd_text(&c, owner);
    cmd_text(&c, "NX");
    cmd_text(&c, "PX");
    cmd_int(&c, LEASE_MS);
    int err = redis_raw(p, &c, &reply);
    if (err == ERR_OK)
        *ret_taken = strcmp(raw_text(reply), "OK") == 0;
    if (err == ERR_OK && raw_is_error(reply))
        err = ERR_PROTOCOL;
    if (err != ERR_OK)
        snprintf(error, SCHEMA_ERROR, "Redis: %s", reply != NULL ? raw_text(reply) : err_text(err));
    reply_free(reply);
    cmd_free(&c);
    return err;
}

/* Drops the lock if it is still ours; one that stays ends with its lease. */
static void unlock(struct redis_pool *p, const char *owner)
{
    struct cmd c = {0};
    struct redisReply *reply = NULL;
    cmd_text(&c, "EVAL");
    cmd_text(&c,
             "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0");
    cmd_int(&c, 1);
    cmd_text(&c, key_job(KEY_SCHEMA).text);
    cmd_text(&c, owner);
    int err = redis_raw(p, &c, &reply);
    (void)err; /* the lease ends it */
    reply_free(reply);
    cmd_free(&c);
}

/* Waits for the lock of loaders. */
static int lock_patiently(struct redis_pool *p, const char *owner, char error[SCHEMA_ERROR])
{
    int64_t deadline = clock_boot_ms() + PATIENCE_MS;
    bool taken = false;
    for (;;) {
        int err = lock(p, owner, &taken, error);
        if (err != ERR_OK || taken)
            return err;
        if (clock_boot_ms() > deadline) {
            snprintf(error, SCHEMA_ERROR,
                     "another program has been loading the schema for too long");
            return ERR_TIMEOUT;
        }
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    }
}

static int load(struct redis_pool *p, const struct schema_bundle *b, enum manner manner,
                char error[SCHEMA_ERROR])
{
    char owner[OWNER_HEX];
    int err = secret_random_hex(OWNER_BYTES, owner);
    if (err != ERR_OK) {
        snprintf(error, SCHEMA_ERROR, "%s", err_text(err));
        return err;
    }
    err = lock_patiently(p, owner, error);
    if (err != ERR_OK)
        return err;
    err = bring(p, b, manner, error);
    unlock(p, owner);
    return err;
}

int schema_load_bundle(struct redis_pool *p, const struct schema_bundle *b,
                       char error[SCHEMA_ERROR])
{
    return load(p, b, LATEST, error);
}

int schema_load(struct redis_pool *p, char error[SCHEMA_ERROR])
{
    return schema_load_bundle(p, &schema_bundle, error);
}

int schema_replace(struct redis_pool *p, char error[SCHEMA_ERROR])
{
    return load(p, &schema_bundle, REPLACE, error);
}

/* Version, and digest, of the schema that the server holds, as texts. */
static int read_held(struct redis_pool *p, struct redisReply **ret, char error[SCHEMA_ERROR])
{
    struct cmd c = {0};
    cmd_text(&c, "HMGET");
    cmd_text(&c, KEY_SCHEMA);
    cmd_text(&c, "version");
    cmd_text(&c, "digest");
    int err = redis_raw(p, &c, ret);
    cmd_free(&c);
    if (err == ERR_OK && raw_is_error(*ret))
        err = ERR_PROTOCOL;
    if (err != ERR_OK)
        snprintf(error, SCHEMA_ERROR, "Redis: %s", *ret != NULL ? raw_text(*ret) : err_text(err));
    return err;
}

static bool has_functions(struct redis_pool *p)
{
    struct redisReply *nodes = NULL;
    bool has = redis_fcall_ro(p, &nodes, "index_list", KEY_NODES, NULL) != ERR_VERSION;
    reply_free(nodes);
    return has;
}

enum schema_state schema_look(struct redis_pool *p, int64_t *ret_version, char error[SCHEMA_ERROR])
{
    struct redisReply *reply = NULL;
    enum schema_state state = SCHEMA_UNKNOWN;
    if (read_held(p, &reply, error) == ERR_OK) {
        int64_t version = reply_int(reply, 0, 0);
        bool same = span_eq(reply_span(reply, 1), span_of(schema_bundle.digest));
        *ret_version = version;
        if (version > SCHEMA_VERSION)
            (void)newer(version, SCHEMA_VERSION, error);
        state = version > SCHEMA_VERSION                        ? SCHEMA_NEWER
                : version < SCHEMA_VERSION || !has_functions(p) ? SCHEMA_LOST
                : same                                          ? SCHEMA_OURS
                                                                : SCHEMA_ANOTHERS;
    }
    reply_free(reply);
    return state;
}

int schema_check(struct redis_pool *p, char error[SCHEMA_ERROR])
{
    struct redisReply *reply = NULL;
    int err = read_held(p, &reply, error);
    const char *text = err == ERR_OK ? reply_text(reply, 0) : "";
    int64_t held = err == ERR_OK ? reply_int(reply, 0, SCHEMA_ABSENT) : SCHEMA_ABSENT;
    if (err == ERR_OK && held != SCHEMA_VERSION) {
        err = ERR_VERSION;
        if (held > SCHEMA_VERSION)
            err = newer(held, SCHEMA_VERSION, error);
        else if (!*text)
            snprintf(error, SCHEMA_ERROR, "Redis holds no schema: start trunkd first");
        else
            snprintf(error, SCHEMA_ERROR,
                     "Redis holds schema %s, this program needs %d: start a new trunkd first", text,
                     SCHEMA_VERSION);
    }
    reply_free(reply);
    return err;
}
