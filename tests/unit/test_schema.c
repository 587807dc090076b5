/* The loader of the schema against a real redis-server. */
#include "cmocka_all.h"

#include <pthread.h>
#include <stdio.h>

#include "fixture_redis.h"
#include "keys.h"
#include "schema_bundle.h"

enum { MAX_WORDS = 16 };

static struct fixture_redis server;

static struct redis_pool *pool_open(const char *user)
{
    struct redis_settings settings = {
        server.unix_path, user, user != NULL ? "secret" : NULL, 5000, 2, NULL, NULL};
    struct redis_pool *p;
    assert_int_equal(redis_open(&p, &settings), ERR_OK);
    return p;
}

static struct redisReply *ask(struct redis_pool *p, const char *const words[])
{
    struct cmd c = {0};
    struct redisReply *reply = NULL;
    for (size_t i = 0; words[i] != NULL; i++)
        cmd_text(&c, words[i]);
    int err = redis_raw(p, &c, &reply);
    cmd_free(&c);
    return err == ERR_OK ? reply : NULL;
}

#define ASK(p, ...) ask(p, (const char *const[MAX_WORDS]){__VA_ARGS__})

/* Sends a command that must not fail. */
#define RUN(p, ...) run(p, (const char *const[MAX_WORDS]){__VA_ARGS__})
static void run(struct redis_pool *p, const char *const words[])
{
    struct redisReply *reply = ask(p, words);
    assert_false(raw_is_error(reply));
    reply_free(reply);
}

/* Text of a reply, in a buffer that the next call overwrites. */
#define TEXT(p, ...) text(p, (const char *const[MAX_WORDS]){__VA_ARGS__})
static const char *text(struct redis_pool *p, const char *const words[])
{
    static char copy[256];
    struct redisReply *reply = ask(p, words);
    assert_non_null(reply);
    snprintf(copy, sizeof(copy), "%s", raw_text(raw_count(reply) > 0 ? raw_at(reply, 0) : reply));
    reply_free(reply);
    return copy;
}

static const char *field(struct redis_pool *p, const char *name)
{
    return TEXT(p, "HGET", KEY_SCHEMA, name);
}

static size_t libraries(struct redis_pool *p)
{
    struct redisReply *reply = ASK(p, "FUNCTION", "LIST", "LIBRARYNAME", "trunkline_*");
    size_t n = raw_count(reply);
    reply_free(reply);
    return n;
}

static void assert_loaded(struct redis_pool *p)
{
    assert_string_equal(field(p, "version"), "2");
    assert_string_equal(field(p, "digest"), schema_bundle.digest);
    assert_int_equal(strlen(field(p, "secret")), 64);
    assert_int_equal(libraries(p), schema_bundle.count);
    assert_string_equal(TEXT(p, "FCALL_RO", "account_get", "1", "{a:1}"), "notfound");
    assert_string_equal(TEXT(p, "GET", key_job(KEY_SCHEMA).text), "");
}

static void load(struct redis_pool *p)
{
    char error[SCHEMA_ERROR] = "";
    if (schema_load(p, error) != ERR_OK)
        fail_msg("%s", error);
}

static int setup(void **state)
{
    (void)state;
    fixture_redis_init(&server, "");
    fixture_redis_start(&server);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_redis_free(&server);
    return 0;
}

static int connect_empty(void **state)
{
    struct redis_pool *p = pool_open(NULL);
    RUN(p, "FLUSHALL");
    RUN(p, "FUNCTION", "FLUSH");
    *state = p;
    return 0;
}

static int disconnect(void **state)
{
    redis_close(*state);
    return 0;
}

static void test_empty_server_is_loaded(void **state)
{
    load(*state);
    assert_loaded(*state);
    assert_true(strlen(field(*state, "loaded")) == 13);
}

static void test_same_schema_is_left_alone(void **state)
{
    load(*state);
    RUN(*state, "HSET", KEY_SCHEMA, "loaded", "7");
    load(*state);
    assert_string_equal(field(*state, "loaded"), "7");
}

static void test_other_digest_is_reloaded_and_secret_kept(void **state)
{
    char secret[SCHEMA_ERROR];
    load(*state);
    snprintf(secret, sizeof(secret), "%s", field(*state, "secret"));
    RUN(*state, "HSET", KEY_SCHEMA, "digest", "other");
    load(*state);
    assert_loaded(*state);
    assert_string_equal(field(*state, "secret"), secret);
}

static void test_missing_library_is_loaded(void **state)
{
    load(*state);
    RUN(*state, "FUNCTION", "DELETE", "trunkline_account");
    load(*state);
    assert_loaded(*state);
}

static void test_missing_secret_is_made(void **state)
{
    load(*state);
    RUN(*state, "HDEL", KEY_SCHEMA, "secret");
    load(*state);
    assert_loaded(*state);
}

static const char CODE_A[] =
    "#!lua name=trunkline_a\nredis.register_function('a', function() return 'old' end)\n";
static const char CODE_A_NEW[] =
    "#!lua name=trunkline_a\nredis.register_function('a', function() return 'new' end)\n";
static const char CODE_B[] =
    "#!lua name=trunkline_b\nredis.register_function('b', function() return 'old' end)\n";
static const char CODE_B_BROKEN[] = "#!lua name=trunkline_b\nthis is not Lua\n";

static struct schema_bundle pair(struct schema_library rows[2], const char *a, const char *b,
                                 int64_t version, const char *digest)
{
    rows[0] = (struct schema_library){"trunkline_a", a};
    rows[1] = (struct schema_library){"trunkline_b", b};
    return (struct schema_bundle){version, digest, rows, 2};
}

static void load_pair(struct redis_pool *p, const char *a, const char *b, int64_t version,
                      const char *digest)
{
    char error[SCHEMA_ERROR] = "";
    struct schema_library rows[2];
    struct schema_bundle bundle = pair(rows, a, b, version, digest);
    if (schema_load_bundle(p, &bundle, error) != ERR_OK)
        fail_msg("%s", error);
}

static void test_altered_library_is_reloaded(void **state)
{
    load_pair(*state, CODE_A, CODE_B, 1, "x");
    RUN(*state, "FUNCTION", "LOAD", "REPLACE", CODE_A_NEW);
    load_pair(*state, CODE_A, CODE_B, 1, "x");
    assert_string_equal(TEXT(*state, "FCALL", "a", "0"), "old");
}

static void test_older_schema_is_upgraded(void **state)
{
    load_pair(*state, CODE_A, CODE_B, 2, "x");
    load_pair(*state, CODE_A_NEW, CODE_B, 4, "y");
    assert_string_equal(field(*state, "version"), "4");
    assert_string_equal(TEXT(*state, "FCALL", "a", "0"), "new");
}

static void test_newer_schema_is_refused(void **state)
{
    char error[SCHEMA_ERROR] = "";
    load_pair(*state, CODE_A, CODE_B, 3, "x");
    assert_int_equal(schema_load(*state, error), ERR_VERSION);
    assert_string_equal(error, "Redis holds schema 3, this program knows 2: upgrade the program");
    assert_int_equal(libraries(*state), 2);
    assert_string_equal(field(*state, "version"), "3");
}

static void test_unreadable_version_is_refused(void **state)
{
    char error[SCHEMA_ERROR] = "";
    RUN(*state, "HSET", KEY_SCHEMA, "version", "one");
    assert_int_equal(schema_load(*state, error), ERR_VERSION);
    assert_int_equal(libraries(*state), 0);
}

static void assert_broken_is_refused(struct redis_pool *p)
{
    char error[SCHEMA_ERROR] = "";
    struct schema_library rows[2];
    struct schema_bundle bundle = pair(rows, CODE_A_NEW, CODE_B_BROKEN, 2, "y");
    assert_int_equal(schema_load_bundle(p, &bundle, error), ERR_PROTOCOL);
    assert_non_null(strstr(error, "trunkline_b was refused (the functions are as before)"));
}

static void test_broken_library_is_rolled_back(void **state)
{
    load_pair(*state, CODE_A, CODE_B, 1, "x");
    RUN(*state, "FUNCTION", "LOAD",
        "#!lua name=foreign\nredis.register_function('f', function() return 'kept' end)\n");
    assert_broken_is_refused(*state);
    assert_string_equal(TEXT(*state, "FCALL", "a", "0"), "old");
    assert_string_equal(TEXT(*state, "FCALL", "b", "0"), "old");
    assert_string_equal(TEXT(*state, "FCALL", "f", "0"), "kept");
    assert_string_equal(field(*state, "version"), "1");
    assert_string_equal(field(*state, "digest"), "x");
}

static void test_broken_library_leaves_an_empty_server_empty(void **state)
{
    assert_broken_is_refused(*state);
    assert_int_equal(libraries(*state), 0);
    assert_string_equal(field(*state, "version"), "");
    load(*state);
    assert_loaded(*state);
}

static void test_function_of_another_library_is_named(void **state)
{
    char error[SCHEMA_ERROR] = "";
    RUN(*state, "FUNCTION", "LOAD",
        "#!lua name=foreign\nredis.register_function('call_admit', function() end)\n");
    assert_int_equal(schema_load(*state, error), ERR_PROTOCOL);
    assert_non_null(strstr(error, "trunkline_call was refused"));
    assert_int_equal(libraries(*state), 0);
}

static void test_forbidden_commands_are_told(void **state)
{
    char error[SCHEMA_ERROR] = "";
    RUN(*state, "ACL", "SETUSER", "narrow", "on", ">secret", "~*", "+@all", "-function");
    struct redis_pool *narrow = pool_open("narrow");
    assert_int_equal(schema_load(narrow, error), ERR_PROTOCOL);
    assert_non_null(strstr(error, "NOPERM"));
    redis_close(narrow);
    load(*state); /* the lock is free again */
}

static void test_lock_of_another_loader_is_waited_for(void **state)
{
    RUN(*state, "SET", key_job(KEY_SCHEMA).text, "another", "PX", "200");
    load(*state);
    assert_loaded(*state);
}

static void *loader(void *arg)
{
    char error[SCHEMA_ERROR] = "";
    struct redis_pool *p = pool_open(NULL);
    *(int *)arg = schema_load(p, error);
    redis_close(p);
    return NULL;
}

static void test_many_loaders_at_once(void **state)
{
    enum { LOADERS = 8 };
    pthread_t threads[LOADERS];
    int results[LOADERS];
    for (size_t i = 0; i < LOADERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, loader, &results[i]), 0);
    for (size_t i = 0; i < LOADERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(results[i], ERR_OK);
    }
    assert_loaded(*state);
}

static void test_check(void **state)
{
    static const struct {
        const char *version; /* NULL: no schema */
        int result;
        const char *error;
    } rows[] = {
        {NULL, ERR_VERSION, "Redis holds no schema: start trunkd first"                           },
        {"2",  ERR_OK,      ""                                                                    },
        {"3",  ERR_VERSION, "Redis holds schema 3, this program knows 2: upgrade the program"     },
        {"0",  ERR_VERSION, "Redis holds schema 0, this program needs 2: start a new trunkd first"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char error[SCHEMA_ERROR] = "";
        if (rows[i].version != NULL)
            RUN(*state, "HSET", KEY_SCHEMA, "version", rows[i].version);
        assert_int_equal(schema_check(*state, error), rows[i].result);
        assert_string_equal(error, rows[i].error);
    }
}

static void test_no_server(void **state)
{
    (void)state;
    char error[SCHEMA_ERROR] = "";
    struct redis_settings settings = {"unix:/nowhere/redis", NULL, NULL, 200, 1, NULL, NULL};
    struct redis_pool *p;
    assert_int_equal(redis_open(&p, &settings), ERR_OK);
    assert_int_equal(schema_load(p, error), ERR_UNAVAILABLE);
    assert_string_not_equal(error, "");
    error[0] = '\0';
    assert_int_equal(schema_check(p, error), ERR_UNAVAILABLE);
    assert_string_not_equal(error, "");
    redis_close(p);
}

#define ON_EMPTY_SERVER(test) cmocka_unit_test_setup_teardown(test, connect_empty, disconnect)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ON_EMPTY_SERVER(test_empty_server_is_loaded),
        ON_EMPTY_SERVER(test_same_schema_is_left_alone),
        ON_EMPTY_SERVER(test_other_digest_is_reloaded_and_secret_kept),
        ON_EMPTY_SERVER(test_missing_library_is_loaded),
        ON_EMPTY_SERVER(test_missing_secret_is_made),
        ON_EMPTY_SERVER(test_altered_library_is_reloaded),
        ON_EMPTY_SERVER(test_older_schema_is_upgraded),
        ON_EMPTY_SERVER(test_newer_schema_is_refused),
        ON_EMPTY_SERVER(test_unreadable_version_is_refused),
        ON_EMPTY_SERVER(test_broken_library_is_rolled_back),
        ON_EMPTY_SERVER(test_broken_library_leaves_an_empty_server_empty),
        ON_EMPTY_SERVER(test_function_of_another_library_is_named),
        ON_EMPTY_SERVER(test_forbidden_commands_are_told),
        ON_EMPTY_SERVER(test_lock_of_another_loader_is_waited_for),
        ON_EMPTY_SERVER(test_many_loaders_at_once),
        ON_EMPTY_SERVER(test_check),
        cmocka_unit_test(test_no_server),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
