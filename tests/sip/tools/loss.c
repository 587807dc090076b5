/* Preloaded into a program (LD_PRELOAD): of the datagrams that it sends, 10 % are lost, 5 % go
 * twice, and 10 % go only after the next one. A bad network that needs neither root nor kernel
 * modules. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LOST = 10, DOUBLED = 15, LATE = 25, DATAGRAM = 65536 };

/* The one that waits for the next. */
static struct {
    int fd;
    size_t n;
    socklen_t to_n;
    struct sockaddr_storage to;
    char bytes[DATAGRAM];
} held;

static unsigned fate(void)
{
    static unsigned seed;
    if (!seed)
        seed = (unsigned)getpid() ^ (unsigned)time(NULL);
    return (unsigned)rand_r(&seed) % 100;
}

static void put(int fd, const void *bytes, size_t n, const void *to, socklen_t to_n)
{
    (void)syscall(SYS_sendto, fd, bytes, n, 0, to, to_n);
}

static void put_held(void)
{
    if (held.n)
        put(held.fd, held.bytes, held.n, &held.to, held.to_n);
    held.n = 0;
}

static int hold(int fd, const void *bytes, size_t n, const void *to, socklen_t to_n)
{
    if (held.n || !to || n > sizeof held.bytes)
        return 0;
    held.fd = fd;
    held.n = n;
    held.to_n = to_n;
    memcpy(&held.to, to, to_n);
    memcpy(held.bytes, bytes, n);
    return 1;
}

static void carry(int fd, const void *bytes, size_t n, const void *to, socklen_t to_n)
{
    unsigned chance = fate();
    if (chance < LOST || (chance >= DOUBLED && chance < LATE && hold(fd, bytes, n, to, to_n)))
        return;
    put(fd, bytes, n, to, to_n);
    if (chance < DOUBLED)
        put(fd, bytes, n, to, to_n);
    put_held();
}

static int is_datagram(int fd)
{
    int type = 0;
    socklen_t n = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_DGRAM;
}

ssize_t sendto(int fd, const void *bytes, size_t n, int flags, const struct sockaddr *to,
               socklen_t to_n)
{
    if (!to || to->sa_family == AF_UNIX || !is_datagram(fd))
        return syscall(SYS_sendto, fd, bytes, n, flags, to, to_n);
    carry(fd, bytes, n, to, to_n);
    return (ssize_t)n;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    (void)flags;
    for (unsigned i = 0; i < n; i++) {
        const struct msghdr *m = &messages[i].msg_hdr;
        carry(fd, m->msg_iov[0].iov_base, m->msg_iov[0].iov_len, m->msg_name, m->msg_namelen);
        messages[i].msg_len = (unsigned)m->msg_iov[0].iov_len;
    }
    return (int)n;
}
