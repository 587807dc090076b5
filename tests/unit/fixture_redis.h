/* A private redis-server for a unit test: in a folder of its own, on a free port and a unix
 * socket. It dies with the test. */
#ifndef TRUNKLINE_TESTS_FIXTURE_REDIS_H
#define TRUNKLINE_TESTS_FIXTURE_REDIS_H

#include <sys/types.h>

enum { FIXTURE_TEXT = 128 };

struct fixture_redis {
    pid_t pid; /* 0: not running */
    int port;
    char dir[FIXTURE_TEXT];
    char tcp[FIXTURE_TEXT];       /* "127.0.0.1:PORT" */
    char unix_path[FIXTURE_TEXT]; /* "unix:PATH" */
    char password[FIXTURE_TEXT];  /* of the default user; empty: none */
};

/* Each fails the test when it can't. Starting waits until the server answers; a server that was
 * stopped starts again on the same port. */
void fixture_redis_init(struct fixture_redis *f, const char *password);
void fixture_redis_start(struct fixture_redis *f);
void fixture_redis_kill(struct fixture_redis *f);   /* SIGKILL, waits for the end */
void fixture_redis_pause(struct fixture_redis *f);  /* SIGSTOP: connections stay, no reply comes */
void fixture_redis_resume(struct fixture_redis *f); /* SIGCONT */
void fixture_redis_free(struct fixture_redis *f);

#endif
