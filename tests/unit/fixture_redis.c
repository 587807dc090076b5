#include "fixture_redis.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "cmocka_all.h"

enum { START_MS = 10000, STEP_US = 5000 };

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int free_port(void)
{
    struct sockaddr_in sa = loopback(0);
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    close(fd);
    return ntohs(sa.sin_port);
}

void fixture_redis_init(struct fixture_redis *f, const char *password)
{
    memset(f, 0, sizeof(*f));
    strcpy(f->dir, "/tmp/unit-redis.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->port = free_port();
    snprintf(f->tcp, sizeof(f->tcp), "127.0.0.1:%d", f->port);
    snprintf(f->unix_path, sizeof(f->unix_path), "unix:%.100s/socket", f->dir);
    snprintf(f->password, sizeof(f->password), "%s", password);
}

static void run_server(const struct fixture_redis *f)
{
    char port[16];
    snprintf(port, sizeof(port), "%d", f->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket",
           f->unix_path + strlen("unix:"), "--dir", f->dir, "--save", "", "--appendonly", "no",
           "--logfile", "redis.log", "--requirepass", f->password, NULL);
    _exit(127);
}

/* "-NOAUTH…" will do as an answer. */
static int answers(int port)
{
    struct sockaddr_in sa = loopback(port);
    char c = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int ok = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
             send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 && read(fd, &c, 1) == 1;
    close(fd);
    return ok;
}

void fixture_redis_start(struct fixture_redis *f)
{
    f->pid = fork();
    assert_true(f->pid >= 0);
    if (f->pid == 0)
        run_server(f);
    int64_t end = clock_boot_ms() + START_MS;
    while (!answers(f->port)) {
        assert_int_equal(waitpid(f->pid, NULL, WNOHANG), 0);
        assert_true(clock_boot_ms() < end);
        usleep(STEP_US);
    }
}

void fixture_redis_kill(struct fixture_redis *f)
{
    if (f->pid <= 0)
        return;
    kill(f->pid, SIGKILL);
    waitpid(f->pid, NULL, 0);
    f->pid = 0;
}

void fixture_redis_pause(struct fixture_redis *f)
{
    int status;
    assert_int_equal(kill(f->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(f->pid, &status, WUNTRACED), f->pid);
    assert_true(WIFSTOPPED(status));
}

void fixture_redis_resume(struct fixture_redis *f)
{
    assert_int_equal(kill(f->pid, SIGCONT), 0);
}

void fixture_redis_free(struct fixture_redis *f)
{
    static const char *const FILES[] = {"redis.log", "socket"};
    fixture_redis_kill(f);
    for (size_t i = 0; i < COUNT(FILES); i++) {
        char path[FIXTURE_TEXT + 16];
        snprintf(path, sizeof(path), "%s/%s", f->dir, FILES[i]);
        unlink(path);
    }
    rmdir(f->dir);
}
