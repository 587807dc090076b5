#include <string.h>

#include "clock.h"
#include "cmocka_all.h"
#include "fixture_redis.h"
#include "redis_async.h"

enum { TIMEOUT_MS = 200, LIMIT_MS = 10000 };

/* One client on a loop of its own, and what it was told. */
struct world {
    struct fixture_redis server;
    uv_loop_t loop;
    uv_timer_t limit;
    struct redis_async *client;
    int ups, downs;
    int ok, timeouts, unavailable; /* ends of commands */
    char log[256];                 /* texts of replies and messages, one word each */
};

static void on_state(void *arg, bool up)
{
    struct world *w = arg;
    if (up)
        w->ups++;
    else
        w->downs++;
    assert_int_equal(redis_async_is_up(w->client), up);
}

static void note(struct world *w, const char *text)
{
    size_t n = strlen(w->log);
    snprintf(w->log + n, sizeof(w->log) - n, "%s ", text);
}

static void on_reply(void *arg, const struct redisReply *reply, int err)
{
    struct world *w = arg;
    assert_int_equal(reply != NULL, err == ERR_OK);
    w->ok += err == ERR_OK;
    w->timeouts += err == ERR_TIMEOUT;
    w->unavailable += err == ERR_UNAVAILABLE;
    if (reply != NULL)
        note(w, raw_text(reply));
}

static void on_message(void *arg, struct span channel, struct span message)
{
    char text[64];
    assert_true(channel.n > 0 && span_copy(message, text, sizeof(text)));
    note(arg, text);
}

static void on_limit(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("waited in vain");
}

static int setup(void **state)
{
    struct world *w = test_calloc(1, sizeof(*w));
    fixture_redis_init(&w->server, "secret word");
    fixture_redis_start(&w->server);
    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->limit);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    redis_async_close(w->client);
    uv_close((uv_handle_t *)&w->limit, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&w->loop); /* fails when a handle is left */
    fixture_redis_free(&w->server);
    test_free(w);
    return rc;
}

static void open_client(struct world *w, const char *address)
{
    struct redis_settings s = {address, "default", w->server.password, TIMEOUT_MS, 0, NULL, NULL};
    assert_int_equal(redis_async_open(&w->client, &w->loop, &s, on_state, w), ERR_OK);
}

/* Runs the loop until the counter has reached the value. */
static void run_until(struct world *w, const int *counter, int value)
{
    uv_timer_start(&w->limit, on_limit, LIMIT_MS, 0);
    while (*counter < value)
        uv_run(&w->loop, UV_RUN_ONCE);
    uv_timer_stop(&w->limit);
}

/* Runs the loop until the log has that many words. */
static void run_until_words(struct world *w, int words)
{
    uv_timer_start(&w->limit, on_limit, LIMIT_MS, 0);
    for (;;) {
        int n = 0;
        for (const char *s = w->log; *s != '\0'; s++)
            n += *s == ' ';
        if (n >= words)
            break;
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&w->limit);
}

static int echo(struct world *w, const char *text)
{
    const char *const argv[] = {"ECHO", text};
    return redis_async_send(w->client, 0, on_reply, w, 2, argv, NULL);
}

static void test_pipelined_in_order(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    assert_int_equal(echo(w, "early"), ERR_UNAVAILABLE);
    run_until(w, &w->ups, 1);
    assert_int_equal(echo(w, "a"), ERR_OK);
    assert_int_equal(echo(w, "b"), ERR_OK);
    const char *const binary[] = {"ECHO", "c\0d"};
    const size_t lens[] = {4, 3};
    assert_int_equal(redis_async_send(w->client, 0, on_reply, w, 2, binary, lens), ERR_OK);
    assert_int_equal(
        redis_async_send(w->client, 0, NULL, NULL, 1, (const char *const[]){"PING"}, NULL), ERR_OK);
    assert_int_equal(w->ok, 0);
    run_until(w, &w->ok, 3);
    assert_string_equal(w->log, "a b c ");
}

static int echo_within(struct world *w, unsigned ms, const char *text)
{
    const char *const argv[] = {"ECHO", text};
    return redis_async_send(w->client, ms, on_reply, w, 2, argv, NULL);
}

/* What may wait goes with the next that may not, in order, and by itself when none comes. */
static void test_patient_commands(void **state)
{
    enum { LONG_MS = 10 * LIMIT_MS, SHORT_MS = 5 };
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    assert_int_equal(echo_within(w, LONG_MS, "patient"), ERR_OK);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(w->ok, 0);
    assert_int_equal(echo(w, "prompt"), ERR_OK);
    run_until(w, &w->ok, 2);
    assert_int_equal(echo_within(w, SHORT_MS, "alone"), ERR_OK);
    run_until(w, &w->ok, 3);
    assert_string_equal(w->log, "patient prompt alone ");
}

static void test_unix_socket_and_large_writes(void **state)
{
    enum { SIZE = 8 * 1000 * 1000 };
    struct world *w = *state;
    open_client(w, w->server.unix_path);
    run_until(w, &w->ups, 1);
    char *value = test_malloc(SIZE);
    memset(value, 'x', SIZE);
    const char *const argv[] = {"SET", "large", value};
    const size_t lens[] = {3, 5, SIZE};
    assert_int_equal(redis_async_send(w->client, 0, on_reply, w, 3, argv, lens), ERR_OK);
    assert_int_equal(echo(w, "after"), ERR_OK);
    test_free(value); /* it was copied */
    run_until(w, &w->ok, 2);
    assert_string_equal(w->log, "OK after ");
}

static void test_host_name(void **state)
{
    struct world *w = *state;
    char address[64];
    snprintf(address, sizeof(address), "localhost:%d", w->server.port);
    open_client(w, address);
    run_until(w, &w->ups, 1);
}

static void test_close_while_resolving(void **state)
{
    struct world *w = *state;
    open_client(w, "localhost:1");
    uv_run(&w->loop, UV_RUN_NOWAIT); /* teardown checks that nothing is left */
}

static void test_wrong_password_never_comes_up(void **state)
{
    struct world *w = *state;
    struct redis_settings s = {w->server.tcp, "", "wrong", TIMEOUT_MS, 0, NULL, NULL};
    assert_int_equal(redis_async_open(&w->client, &w->loop, &s, on_state, w), ERR_OK);
    int64_t end = clock_boot_ms() + 400;
    while (clock_boot_ms() < end)
        uv_run(&w->loop, UV_RUN_ONCE);
    assert_int_equal(w->ups, 0);
}

static void test_bad_settings(void **state)
{
    struct world *w = *state;
    struct redis_settings s = {"nonsense", "", "", TIMEOUT_MS, 0, NULL, NULL};
    assert_int_equal(redis_async_open(&w->client, &w->loop, &s, on_state, w), ERR_INVALID);
    assert_null(w->client);
    redis_async_close(NULL);
}

static void test_restart(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    fixture_redis_pause(&w->server);
    assert_int_equal(echo(w, "lost"), ERR_OK);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    fixture_redis_kill(&w->server);
    run_until(w, &w->downs, 1);
    assert_int_equal(w->unavailable, 1);
    assert_int_equal(echo(w, "refused"), ERR_UNAVAILABLE);
    fixture_redis_start(&w->server);
    run_until(w, &w->ups, 2);
    assert_int_equal(echo(w, "again"), ERR_OK);
    run_until(w, &w->ok, 1);
    assert_string_equal(w->log, "again ");
    assert_int_equal(w->unavailable, 1);
}

static void test_starts_before_the_server(void **state)
{
    struct world *w = *state;
    fixture_redis_kill(&w->server);
    open_client(w, w->server.tcp);
    int64_t end = clock_boot_ms() + 200;
    while (clock_boot_ms() < end)
        uv_run(&w->loop, UV_RUN_ONCE);
    fixture_redis_start(&w->server);
    run_until(w, &w->ups, 1);
    assert_int_equal(w->downs, 0);
}

/* A command that was given up must not shift the replies of those after it. */
static void test_late_reply_is_dropped(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    fixture_redis_pause(&w->server);
    assert_int_equal(echo(w, "late"), ERR_OK);
    int64_t begin = clock_boot_ms();
    run_until(w, &w->timeouts, 1);
    assert_true(clock_boot_ms() - begin >= TIMEOUT_MS - 2);
    assert_int_equal(echo(w, "next"), ERR_OK);
    fixture_redis_resume(&w->server);
    run_until(w, &w->ok, 1);
    assert_string_equal(w->log, "next ");
    assert_int_equal(w->downs, 0);
}

/* A link that stays silent is broken, and one that answers again comes up without a restart. */
static void test_stopped_server_is_recovered_from(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    fixture_redis_pause(&w->server);
    assert_int_equal(echo(w, "a"), ERR_OK);
    run_until(w, &w->downs, 1);
    assert_int_equal(w->timeouts, 1);
    assert_int_equal(w->unavailable, 0);
    /* The kernel still accepts connections for it, but no greeting is answered. */
    int64_t end = clock_boot_ms() + (int64_t)3 * TIMEOUT_MS;
    while (clock_boot_ms() < end)
        uv_run(&w->loop, UV_RUN_ONCE);
    assert_int_equal(w->ups, 1);
    fixture_redis_resume(&w->server);
    run_until(w, &w->ups, 2);
    assert_int_equal(echo(w, "b"), ERR_OK);
    run_until(w, &w->ok, 1);
    assert_string_equal(w->log, "b ");
}

/* Without a command under way, heartbeats notice. */
static void test_stopped_server_is_noticed_when_idle(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    fixture_redis_pause(&w->server);
    run_until(w, &w->downs, 1);
    fixture_redis_resume(&w->server);
    run_until(w, &w->ups, 2);
}

/* Many deadlines pass, yet the link answers each command a little too late: it stays. */
static void test_slow_server_keeps_its_link(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    for (int i = 0; i < 5; i++) {
        fixture_redis_pause(&w->server);
        assert_int_equal(echo(w, "x"), ERR_OK);
        run_until(w, &w->timeouts, i + 1);
        fixture_redis_resume(&w->server);
        assert_int_equal(echo(w, "y"), ERR_OK);
        run_until(w, &w->ok, i + 1);
    }
    assert_int_equal(w->downs, 0);
}

/* The process itself sleeps: replies that wait in the socket are proof of life. */
static void test_own_sleep_keeps_the_link(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    fixture_redis_pause(&w->server);
    assert_int_equal(echo(w, "late"), ERR_OK);
    uv_run(&w->loop, UV_RUN_NOWAIT); /* written by now */
    fixture_redis_resume(&w->server);
    uv_sleep(5 * TIMEOUT_MS);
    run_until(w, &w->timeouts, 1);
    assert_int_equal(echo(w, "next"), ERR_OK);
    run_until(w, &w->ok, 1);
    assert_string_equal(w->log, "next ");
    assert_int_equal(w->downs, 0);
}

static void on_reply_close(void *arg, const struct redisReply *reply, int err)
{
    struct world *w = arg;
    on_reply(w, reply, err);
    redis_async_close(w->client);
    w->client = NULL;
}

/* Closing from within a reply: the commands behind it end, once each. */
static void test_close_in_callback(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    const char *const argv[] = {"ECHO", "a"};
    assert_int_equal(redis_async_send(w->client, 0, on_reply_close, w, 2, argv, NULL), ERR_OK);
    assert_int_equal(echo(w, "b"), ERR_OK);
    assert_int_equal(echo(w, "c"), ERR_OK);
    run_until(w, &w->unavailable, 2);
    assert_string_equal(w->log, "a ");
    assert_int_equal(w->downs, 0);
}

static void test_close_in_timeout(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    fixture_redis_pause(&w->server);
    const char *const argv[] = {"ECHO", "a"};
    assert_int_equal(redis_async_send(w->client, 0, on_reply_close, w, 2, argv, NULL), ERR_OK);
    assert_int_equal(echo(w, "b"), ERR_OK);
    run_until(w, &w->unavailable, 1);
    assert_int_equal(w->timeouts, 1);
}

static void test_too_many_wait(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    run_until(w, &w->ups, 1);
    const char *const argv[] = {"PING"};
    for (int i = 0; i < 100000; i++)
        assert_int_equal(redis_async_send(w->client, 0, NULL, NULL, 1, argv, NULL), ERR_OK);
    assert_int_equal(echo(w, "x"), ERR_UNAVAILABLE);
}

static void publish(struct world *w, const char *channel, const char *message)
{
    struct redis_settings s = {w->server.tcp, "", w->server.password, 2000, 1, NULL, NULL};
    struct redis_pool *p;
    struct redisReply *r;
    struct cmd c = {0};
    cmd_text(&c, "PUBLISH");
    cmd_text(&c, channel);
    cmd_text(&c, message);
    assert_int_equal(redis_open(&p, &s), ERR_OK);
    assert_int_equal(redis_raw(p, &c, &r), ERR_OK);
    assert_int_equal(raw_int(r, -1), 1); /* heard by one subscriber */
    reply_free(r);
    cmd_free(&c);
    redis_close(p);
}

static void test_subscribe(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.tcp);
    assert_int_equal(redis_async_subscribe(w->client, "tl:sources", on_message, w), ERR_OK);
    assert_int_equal(redis_async_subscribe(w->client, "tl:gateways", on_message, w), ERR_OK);
    run_until(w, &w->ups, 1);
    assert_int_equal(echo(w, "x"), ERR_INVALID);
    publish(w, "tl:sources", "192.0.2.1"); /* up means subscribed: none is missed */
    publish(w, "tl:gateways", "west");
    run_until_words(w, 2);
    fixture_redis_kill(&w->server);
    run_until(w, &w->downs, 1);
    fixture_redis_start(&w->server);
    run_until(w, &w->ups, 2);
    publish(w, "tl:gateways", "east");
    run_until_words(w, 3);
    assert_string_equal(w->log, "192.0.2.1 west east ");
}

/* A stopped server would leave caches stale without a notice. */
static void test_subscriber_notices_a_stopped_server(void **state)
{
    struct world *w = *state;
    open_client(w, w->server.unix_path);
    assert_int_equal(redis_async_subscribe(w->client, "tl:sources", on_message, w), ERR_OK);
    run_until(w, &w->ups, 1);
    fixture_redis_pause(&w->server);
    run_until(w, &w->downs, 1);
    fixture_redis_resume(&w->server);
    run_until(w, &w->ups, 2);
    publish(w, "tl:sources", "a");
    run_until_words(w, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pipelined_in_order),
        TEST(test_patient_commands),
        TEST(test_unix_socket_and_large_writes),
        TEST(test_host_name),
        TEST(test_close_while_resolving),
        TEST(test_wrong_password_never_comes_up),
        TEST(test_bad_settings),
        TEST(test_restart),
        TEST(test_starts_before_the_server),
        TEST(test_late_reply_is_dropped),
        TEST(test_stopped_server_is_recovered_from),
        TEST(test_stopped_server_is_noticed_when_idle),
        TEST(test_slow_server_keeps_its_link),
        TEST(test_own_sleep_keeps_the_link),
        TEST(test_close_in_callback),
        TEST(test_close_in_timeout),
        TEST(test_too_many_wait),
        TEST(test_subscribe),
        TEST(test_subscriber_notices_a_stopped_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
