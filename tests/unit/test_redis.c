#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "clock.h"
#include "cmocka_all.h"
#include "fixture_redis.h"
#include "redis.h"

enum { TIMEOUT_MS = 300, SLACK_MS = 2000 };

static struct fixture_redis server;

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

static struct redis_pool *open_pool(const char *address, unsigned connections)
{
    struct redis_settings s = {address, "", "", TIMEOUT_MS, connections, NULL, NULL};
    struct redis_pool *p;
    assert_int_equal(redis_open(&p, &s), ERR_OK);
    return p;
}

/* Sends up to three words and frees the reply; *ret_number is its integer, -1 if none. */
static int run(struct redis_pool *p, const char *a, const char *b, const char *d,
               int64_t *ret_number)
{
    const char *const words[] = {a, b, d};
    struct cmd c = {0};
    struct redisReply *r;
    for (size_t i = 0; i < COUNT(words) && words[i] != NULL; i++)
        cmd_text(&c, words[i]);
    int err = redis_raw(p, &c, &r);
    cmd_free(&c);
    *ret_number = raw_int(r, -1);
    assert_true(err == ERR_OK || r == NULL);
    reply_free(r);
    return err;
}

static void test_settings(void **state)
{
    (void)state;
    struct redis_pool *p;
    struct redis_settings bad[] = {
        {"nonsense",    "", "", TIMEOUT_MS, 1, NULL, NULL},
        {"127.0.0.1:1", "", "", 0,          1, NULL, NULL},
        {"127.0.0.1:1", "", "", TIMEOUT_MS, 0, NULL, NULL}
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_not_equal(redis_open(&p, &bad[i]), ERR_OK);
    redis_close(NULL);
}

static void test_pipeline(void **state)
{
    (void)state;
    struct redis_pool *p = open_pool(server.tcp, 2);
    struct cmd cmds[3] = {{0}, {0}, {0}};
    struct redisReply *r[3];
    for (size_t i = 0; i < 3; i++) {
        cmd_text(&cmds[i], "ECHO");
        cmd_int(&cmds[i], (int64_t)i);
    }
    assert_int_equal(redis_pipeline(p, cmds, 3, r), ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(raw_int(r[i], -1), i);
        reply_free(r[i]);
        cmd_free(&cmds[i]);
    }
    assert_int_equal(redis_pipeline(p, cmds, 0, r), ERR_OK);
    redis_close(p);
}

static void test_large_value(void **state)
{
    (void)state;
    enum { SIZE = 20 * 1000 * 1000 };
    struct redis_pool *p = open_pool(server.unix_path, 1);
    char *value = test_malloc(SIZE);
    memset(value, 'x', SIZE);
    struct cmd c = {0};
    struct redisReply *r;
    cmd_text(&c, "ECHO");
    cmd_span(&c, (struct span){value, SIZE});
    assert_int_equal(redis_raw(p, &c, &r), ERR_OK);
    assert_int_equal(strlen(raw_text(r)), SIZE);
    reply_free(r);
    cmd_free(&c);
    test_free(value);
    redis_close(p);
}

static void test_function(void **state)
{
    (void)state;
    static const char LIBRARY[] =
        "#!lua name=unit\n"
        "redis.register_function{function_name='unit_join', flags={'no-writes'},"
        " callback=function(keys, args) return {'ok', keys[1], unpack(args)} end}";
    struct redis_pool *p = open_pool(server.tcp, 1);
    int64_t n;
    assert_int_equal(run(p, "FUNCTION", "LOAD", LIBRARY, &n), ERR_OK);
    struct redisReply *r;
    assert_int_equal(redis_fcall_ro(p, &r, "unit_join", "key", "a", "b", NULL), ERR_OK);
    assert_int_equal(reply_count(r), 4);
    assert_string_equal(reply_text(r, 1), "key");
    assert_string_equal(reply_text(r, 3), "b");
    reply_free(r);
    assert_int_equal(redis_fcall(p, &r, "unit_join", "key", NULL), ERR_OK);
    reply_free(r);
    redis_close(p);
}

static void test_restart_is_not_noticed(void **state)
{
    (void)state;
    struct redis_pool *p = open_pool(server.tcp, 4);
    int64_t n;
    assert_int_equal(run(p, "INCR", "n", NULL, &n), ERR_OK);
    assert_int_equal(n, 1);
    fixture_redis_kill(&server);
    fixture_redis_start(&server);
    assert_int_equal(run(p, "INCR", "n", NULL, &n), ERR_OK);
    assert_int_equal(n, 1);
    redis_close(p);
}

static void test_down(void **state)
{
    (void)state;
    struct redis_pool *p = open_pool(server.tcp, 1);
    int64_t n, begin = clock_boot_ms();
    fixture_redis_kill(&server);
    assert_int_equal(run(p, "PING", NULL, NULL, &n), ERR_UNAVAILABLE);
    assert_true(clock_boot_ms() - begin < SLACK_MS);
    fixture_redis_start(&server);
    assert_int_equal(run(p, "PING", NULL, NULL, &n), ERR_OK);
    redis_close(p);
}

static void test_timeout_drops_the_late_reply(void **state)
{
    (void)state;
    struct redis_pool *p = open_pool(server.tcp, 1);
    int64_t n;
    assert_int_equal(run(p, "DEL", "n", NULL, &n), ERR_OK);
    fixture_redis_pause(&server);
    int64_t begin = clock_boot_ms();
    assert_int_equal(run(p, "INCR", "n", NULL, &n), ERR_TIMEOUT);
    int64_t took = clock_boot_ms() - begin;
    assert_true(took >= TIMEOUT_MS - 2 && took < SLACK_MS);
    fixture_redis_resume(&server);
    assert_int_equal(run(p, "INCRBY", "other", "100", &n), ERR_OK);
    assert_int_equal(n % 100, 0);
    /* Applied once: not repeated by the client. */
    assert_int_equal(run(p, "GET", "n", NULL, &n), ERR_OK);
    assert_int_equal(n, 1);
    redis_close(p);
}

struct worker {
    struct redis_pool *pool;
    int failed;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < 500; i++) {
        int64_t n;
        if (run(w->pool, "INCR", "shared", NULL, &n) != ERR_OK || n <= 0)
            w->failed++;
    }
    return NULL;
}

static void test_threads_share_connections(void **state)
{
    (void)state;
    enum { THREADS = 8 };
    struct redis_pool *p = open_pool(server.unix_path, 3);
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    int64_t n;
    assert_int_equal(run(p, "DEL", "shared", NULL, &n), ERR_OK);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){p, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failed, 0);
    }
    assert_int_equal(run(p, "GET", "shared", NULL, &n), ERR_OK);
    assert_int_equal(n, THREADS * 500);
    redis_close(p);
}

struct asker {
    struct redis_pool *pool;
    int64_t number; /* of its next question: no other thread has it */
    atomic_bool *stop;
    int answered, failed, wrong;
};

static void *ask(void *arg)
{
    struct asker *a = arg;
    while (!atomic_load(a->stop)) {
        char text[24];
        int64_t n;
        snprintf(text, sizeof(text), "%lld", (long long)a->number);
        int err = run(a->pool, "ECHO", text, NULL, &n);
        a->answered += err == ERR_OK;
        a->failed += err != ERR_OK;
        a->wrong += err == ERR_OK && n != a->number;
        a->number++;
    }
    return NULL;
}

/* Nobody gets another's reply, and nobody is forgotten, when a shared connection breaks under way.
 */
static void test_replies_stay_with_their_callers(void **state)
{
    (void)state;
    enum { THREADS = 8, BREAKS = 4, APART = 1000000 };
    struct redis_pool *p = open_pool(server.tcp, 2);
    struct asker askers[THREADS];
    pthread_t threads[THREADS];
    atomic_bool stop = false;
    int64_t n;
    for (size_t i = 0; i < THREADS; i++) {
        askers[i] = (struct asker){.pool = p, .number = (int64_t)i * APART, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < BREAKS; i++) {
        fixture_redis_kill(&server);
        fixture_redis_start(&server);
        int64_t end = clock_boot_ms() + SLACK_MS;
        while (run(p, "PING", NULL, NULL, &n) != ERR_OK)
            assert_true(clock_boot_ms() < end);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(askers[i].answered > 0);
        assert_true(askers[i].failed > 0);
        assert_int_equal(askers[i].wrong, 0);
    }
    redis_close(p);
}

static void test_login(void **state)
{
    (void)state;
    struct fixture_redis f;
    fixture_redis_init(&f, "pass word");
    fixture_redis_start(&f);
    static const struct {
        const char *user, *password;
        int err;
    } LOGINS[] = {
        {"",        "pass word", ERR_OK         },
        {"default", "pass word", ERR_OK         },
        {"",        "wrong",     ERR_UNAVAILABLE},
        {"nobody",  "pass word", ERR_UNAVAILABLE}
    };
    for (size_t i = 0; i < COUNT(LOGINS); i++) {
        struct redis_settings s = {f.tcp, LOGINS[i].user, LOGINS[i].password, TIMEOUT_MS, 1, NULL,
                                   NULL};
        struct redis_pool *p;
        int64_t n;
        assert_int_equal(redis_open(&p, &s), ERR_OK);
        assert_int_equal(run(p, "PING", NULL, NULL, &n), LOGINS[i].err);
        redis_close(p);
    }
    fixture_redis_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_large_value),
        cmocka_unit_test(test_function),
        cmocka_unit_test(test_restart_is_not_noticed),
        cmocka_unit_test(test_down),
        cmocka_unit_test(test_timeout_drops_the_late_reply),
        cmocka_unit_test(test_threads_share_connections),
        cmocka_unit_test(test_replies_stay_with_their_callers),
        cmocka_unit_test(test_login),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
