/* A reply that goes on: what a client that does not read misses, and what ends it. */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "http_stream.h"

enum { FRAME = 16 << 20, WAIT_S = 20 }; /* more than the kernel keeps for one connection */

struct bed {
    struct http *http;
    struct http_stream *stream; /* the writer's count; set by the handler */
    pthread_mutex_t lock;
    pthread_cond_t opened;
    struct sockaddr_in at;
};

static void handle(void *arg, const struct http_request *request, struct http_reply *ret)
{
    (void)request;
    struct bed *b = arg;
    struct http_stream *s;
    assert_int_equal(http_stream_new(&s), ERR_OK);
    ret->status = 200;
    ret->stream = s;
    pthread_mutex_lock(&b->lock);
    b->stream = s;
    pthread_cond_signal(&b->opened);
    pthread_mutex_unlock(&b->lock);
}

static struct sockaddr_in free_address(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    close(fd);
    return at;
}

static int set_up(void **state)
{
    struct bed *b = calloc(1, sizeof(*b));
    char listen[32], error[HTTP_ERROR] = "";
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->opened, NULL);
    b->at = free_address();
    snprintf(listen, sizeof(listen), "127.0.0.1:%u", ntohs(b->at.sin_port));
    const struct http_settings settings = {.listen = listen,
                                           .tls_listen = "",
                                           .threads = 2,
                                           .workers = 2,
                                           .connections = 10,
                                           .connections_per_address = 10,
                                           .idle_timeout_s = WAIT_S,
                                           .request_timeout_s = WAIT_S,
                                           .body_max = 1024,
                                           .bodies_max = 1 << 20};
    assert_int_equal(http_open(&b->http, &settings, handle, b, error), ERR_OK);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;
    http_stream_end(b->stream);
    http_close(b->http, 1000);
    http_stream_drop(b->stream);
    pthread_cond_destroy(&b->opened);
    pthread_mutex_destroy(&b->lock);
    free(b);
    return 0;
}

static int ask(struct bed *b, const char *method)
{
    char text[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = WAIT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&b->at, sizeof(b->at)), 0);
    int n = snprintf(text, sizeof(text), "%s / HTTP/1.0\r\n\r\n", method);
    assert_int_equal(write(fd, text, (size_t)n), n);
    pthread_mutex_lock(&b->lock);
    while (!b->stream)
        pthread_cond_wait(&b->opened, &b->lock);
    pthread_mutex_unlock(&b->lock);
    return fd;
}

static bool put(struct bed *b, int c, size_t n)
{
    char *text = malloc(n);
    memset(text, c, n);
    struct http_frame *f = http_frame_new(text, n);
    bool there = http_stream_put(b->stream, f);
    http_frame_drop(f);
    return there;
}

/* Reads until so many of c have come, or to the end; counts of all bytes are in seen. */
static void read_to(int fd, int c, size_t n, size_t seen[256])
{
    static char piece[65536];
    ssize_t got;
    while (seen[c] < n && (got = read(fd, piece, sizeof(piece))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            seen[(unsigned char)piece[i]]++;
    }
}

/* Bytes that no header has. */
enum { FIRST = 0x81, LAST = 0x89 };

static void test_a_slow_client_misses_frames(void **state)
{
    struct bed *b = *state;
    size_t seen[256] = {0};
    int fd = ask(b, "POST");
    assert_true(put(b, FIRST, FRAME));
    read_to(fd, FIRST, 1, seen); /* it is under way: the next ones wait */
    for (int c = FIRST + 1; c <= LAST; c++)
        assert_true(put(b, c, FRAME));
    read_to(fd, LAST, FRAME, seen);
    for (int c = FIRST; c <= LAST; c++)
        assert_int_equal(seen[c], c == FIRST || c == LAST ? FRAME : 0);
    close(fd);
}

static void test_end_lets_the_frame_out(void **state)
{
    struct bed *b = *state;
    size_t seen[256] = {0};
    int fd = ask(b, "POST");
    assert_true(put(b, '~', 100));
    http_stream_end(b->stream);
    assert_false(put(b, '^', 100));
    read_to(fd, '\0', 1, seen);
    assert_int_equal(seen['~'], 100);
    assert_int_equal(seen['^'], 0);
    close(fd);
}

static void test_a_client_that_left_is_told_to_the_writer(void **state)
{
    struct bed *b = *state;
    close(ask(b, "POST"));
    for (int tries = 0; put(b, '~', FRAME); tries++) {
        assert_in_range(tries, 0, WAIT_S * 100);
        usleep(10000);
    }
}

static void test_head_has_no_frames(void **state)
{
    struct bed *b = *state;
    size_t seen[256] = {0};
    int fd = ask(b, "HEAD");
    for (int tries = 0; put(b, '~', 10); tries++) {
        assert_in_range(tries, 0, WAIT_S * 100);
        usleep(10000);
    }
    read_to(fd, '\0', 1, seen);
    assert_int_equal(seen['~'], 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_slow_client_misses_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_end_lets_the_frame_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_client_that_left_is_told_to_the_writer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_head_has_no_frames, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
