/* The floor of REST: libmicrohttpd with fixed answers, of N bytes at /N.
 * reply PORT THREADS, on 127.0.0.1; epoll and the same options that trunkd uses. Ends at SIGTERM.
 */
#include <microhttpd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 1 << 20 };

static char body[BODY_MAX];

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_n, void **request)
{
    static int seen;
    (void)arg;
    (void)method;
    (void)version;
    (void)upload;
    if (!*request) { /* the first call of a request is for its headers alone */
        *request = &seen;
        return MHD_YES;
    }
    if (*upload_n) {
        *upload_n = 0;
        return MHD_YES;
    }
    size_t n = strtoul(url + 1, NULL, 10);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(n < BODY_MAX ? n : BODY_MAX, body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

int main(int argc, char **argv)
{
    sigset_t end;
    int number;
    if (argc != 3) {
        fprintf(stderr, "usage: reply PORT THREADS\n");
        return EXIT_FAILURE;
    }
    memset(body, 'x', sizeof body);
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t)atoi(argv[1]), NULL, NULL, answer, NULL,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)atoi(argv[2]), MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "reply: can't listen on port %s\n", argv[1]);
        return EXIT_FAILURE;
    }
    sigwait(&end, &number);
    MHD_stop_daemon(daemon);
    return EXIT_SUCCESS;
}
