#include "cmocka_all.h"
#include "fixture_redis.h"
#include "log.h"
#include "redis.h"

static struct fixture_redis server;
static struct redis_pool *pool;

static int setup(void **state)
{
    (void)state;
    fixture_redis_init(&server, "");
    fixture_redis_start(&server);
    struct redis_settings s = {server.unix_path, NULL, NULL, 2000, 2, NULL, NULL};
    return redis_open(&pool, &s);
}

static int teardown(void **state)
{
    (void)state;
    redis_close(pool);
    fixture_redis_free(&server);
    return 0;
}

/* Replies are made by the real server: the value of a Lua expression. */
static struct redisReply *eval(const char *script)
{
    struct cmd c = {0};
    struct redisReply *r;
    cmd_text(&c, "EVAL");
    cmd_text(&c, script);
    cmd_text(&c, "0");
    assert_int_equal(redis_raw(pool, &c, &r), ERR_OK);
    cmd_free(&c);
    return r;
}

static void test_check(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        int err;
        const char *word;
    } CASES[] = {
        {"return {'ok'}",                                      ERR_OK,          "ok"   },
        {"return {'ok', 'a', ''}",                             ERR_OK,          "ok"   },
        {"return {'taken', '1'}",                              ERR_REFUSED,     "taken"},
        {"return {'okay'}",                                    ERR_REFUSED,     "okay" },
        {"return {}",                                          ERR_PROTOCOL,    ""     },
        {"return 'ok'",                                        ERR_PROTOCOL,    ""     },
        {"return 1",                                           ERR_PROTOCOL,    ""     },
        {"return false",                                       ERR_PROTOCOL,    ""     },
        {"return {'ok', 1}",                                   ERR_PROTOCOL,    "ok"   },
        {"return {'ok', {'a'}}",                               ERR_PROTOCOL,    "ok"   },
        {"return {'ok', false, 'x'}",                          ERR_PROTOCOL,    "ok"   },
        {"return redis.status_reply('ok')",                    ERR_PROTOCOL,    ""     },
        {"return redis.error_reply('LOADING dataset')",        ERR_UNAVAILABLE, ""     },
        {"return redis.error_reply('READONLY replica')",       ERR_UNAVAILABLE, ""     },
        {"return redis.error_reply('OOM used')",               ERR_UNAVAILABLE, ""     },
        {"return redis.error_reply('OOMPH used')",             ERR_PROTOCOL,    ""     },
        {"return redis.error_reply('ERR Function not found')", ERR_VERSION,     ""     },
        {"return redis.error_reply('ERR else')",               ERR_PROTOCOL,    ""     },
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct redisReply *r = eval(CASES[i].script);
        assert_int_equal(reply_check(r), CASES[i].err);
        assert_string_equal(reply_word(r), CASES[i].word);
        reply_free(r);
    }
    assert_int_equal(reply_check(NULL), ERR_UNAVAILABLE);
    assert_string_equal(reply_word(NULL), "");
}

static void test_missing_function(void **state)
{
    (void)state;
    struct redisReply *r;
    assert_int_equal(redis_fcall(pool, &r, "nothing", "k", NULL), ERR_VERSION);
    reply_free(r);
}

static void test_elements(void **state)
{
    (void)state;
    struct redisReply *r = eval("return {'ok', '-12', 'x', 'a\\0b', 'name', 'v', 'odd'}");
    assert_int_equal(reply_count(r), 7);
    assert_int_equal(reply_int(r, 1, 5), -12);
    assert_int_equal(reply_int(r, 2, 5), 5);
    assert_int_equal(reply_int(r, 99, 5), 5);
    assert_string_equal(reply_text(r, 99), "");
    assert_true(span_eq(reply_span(r, 3), SPAN_LIT("a\0b")));
    assert_string_equal(reply_field(r, 4, "name"), "v");
    assert_string_equal(reply_field(r, 4, "v"), "");
    assert_string_equal(reply_field(r, 4, "odd"), "");
    reply_free(r);
}

static void test_table(void **state)
{
    (void)state;
    struct table t;
    struct redisReply *r = eval("return {'ok', '2', 'id', 'n', 'a', '1', 'b', 'x'}");
    assert_int_equal(table_open(r, 1, &t), ERR_OK);
    assert_int_equal(t.rows, 2);
    assert_string_equal(table_text(&t, 0, "id"), "a");
    assert_int_equal(table_int(&t, 0, "n", 7), 1);
    assert_int_equal(table_int(&t, 1, "n", 7), 7);
    assert_string_equal(table_text(&t, 1, "id"), "b");
    assert_string_equal(table_text(&t, 2, "id"), "");
    assert_string_equal(table_text(&t, 0, "a"), "");
    assert_int_equal(table_open(r, 0, &t), ERR_PROTOCOL);
    assert_int_equal(table_open(r, 99, &t), ERR_PROTOCOL);
    assert_int_equal(table_open(NULL, 0, &t), ERR_PROTOCOL);
    reply_free(r);
    static const char *const BAD[] = {"return {'ok', '0'}", "return {'ok', '2', 'id'}",
                                      "return {'ok', '2', 'id', 'n', 'a'}",
                                      "return {'ok', '-1', 'id'}"};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        r = eval(BAD[i]);
        assert_int_equal(table_open(r, 1, &t), ERR_PROTOCOL);
        reply_free(r);
    }
    r = eval("return {'ok', '2', 'id', 'n'}");
    assert_int_equal(table_open(r, 1, &t), ERR_OK);
    assert_int_equal(t.rows, 0);
    reply_free(r);
}

static void test_raw(void **state)
{
    (void)state;
    struct redisReply *r = eval("return {1, '2', false, redis.status_reply('S'), {'n'}}");
    assert_int_equal(raw_count(r), 5);
    assert_int_equal(raw_int(raw_at(r, 0), -1), 1);
    assert_int_equal(raw_int(raw_at(r, 1), -1), 2);
    assert_int_equal(raw_int(raw_at(r, 3), -1), -1);
    assert_true(raw_is_nil(raw_at(r, 2)));
    assert_string_equal(raw_text(raw_at(r, 2)), "");
    assert_string_equal(raw_text(raw_at(r, 3)), "S");
    assert_string_equal(raw_text(raw_at(raw_at(r, 4), 0)), "n");
    assert_null(raw_at(r, 5));
    assert_false(raw_is_error(r));
    assert_true(raw_is_error(NULL));
    reply_free(r);
    r = eval("return redis.error_reply('ERR x')");
    assert_true(raw_is_error(r));
    assert_string_equal(raw_text(r), "ERR x");
    reply_free(r);
    reply_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),    cmocka_unit_test(test_missing_function),
        cmocka_unit_test(test_elements), cmocka_unit_test(test_table),
        cmocka_unit_test(test_raw),
    };
    log_open("test_reply", LOG_ERROR);
    return cmocka_run_group_tests(tests, setup, teardown);
}
