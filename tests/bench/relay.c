/* The floor of a proxy: moves datagrams between a caller and a callee and does nothing else.
 * relay LISTEN-PORT CALLEE-HOST CALLEE-PORT, on 127.0.0.1. What comes from the callee goes to whom
 * the latest other datagram came from; an INVITE is also answered by 100, so that as many datagrams
 * go as through a stateful proxy. Reads and writes in batches, and waits in the read itself. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, DATAGRAM = 4096, BUFFER = 8 * 1024 * 1024 };

static const char TRYING[] = "SIP/2.0 100 Trying\r\n";

struct batch {
    struct mmsghdr headers[2 * BATCH]; /* a 100 beside each INVITE */
    struct iovec iov[2 * BATCH][2];
    unsigned n;
};

static int open_socket(const char *port)
{
    struct sockaddr_in local = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = BUFFER;
    if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof local) != 0) {
        perror("relay");
        exit(EXIT_FAILURE);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    return fd;
}

static void add(struct batch *out, struct sockaddr_in *to, struct iovec head, struct iovec rest)
{
    struct mmsghdr *h = &out->headers[out->n];
    out->iov[out->n][0] = head;
    out->iov[out->n][1] = rest;
    memset(h, 0, sizeof *h);
    h->msg_hdr.msg_name = to;
    h->msg_hdr.msg_namelen = sizeof *to;
    h->msg_hdr.msg_iov = out->iov[out->n];
    h->msg_hdr.msg_iovlen = rest.iov_len ? 2 : 1;
    out->n++;
}

/* The INVITE's lines after its first make a response of which a caller needs no more. */
static void add_trying(struct batch *out, struct sockaddr_in *caller, char *bytes, size_t n)
{
    char *second = memchr(bytes, '\n', n);
    if (!second || n < 7 || memcmp(bytes, "INVITE ", 7) != 0)
        return;
    second++;
    add(out, caller, (struct iovec){(void *)(uintptr_t)TRYING, sizeof TRYING - 1},
        (struct iovec){second, n - (size_t)(second - bytes)});
}

static void send_all(int fd, struct batch *out)
{
    for (unsigned done = 0; done < out->n;) {
        int sent = sendmmsg(fd, out->headers + done, out->n - done, 0);
        done += sent > 0 ? (unsigned)sent : 1; /* what can't be sent is lost */
    }
    out->n = 0;
}

int main(int argc, char **argv)
{
    static char bytes[BATCH][DATAGRAM];
    static struct batch out;
    struct mmsghdr in[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_in from[BATCH], caller = {0}, callee = {.sin_family = AF_INET};
    if (argc != 4 || inet_pton(AF_INET, argv[2], &callee.sin_addr) != 1) {
        fprintf(stderr, "usage: relay LISTEN-PORT CALLEE-HOST CALLEE-PORT\n");
        return EXIT_FAILURE;
    }
    callee.sin_port = htons((uint16_t)atoi(argv[3]));
    int fd = open_socket(argv[1]);
    for (;;) {
        memset(in, 0, sizeof in);
        for (int i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec){bytes[i], DATAGRAM};
            in[i].msg_hdr.msg_name = &from[i];
            in[i].msg_hdr.msg_namelen = sizeof from[i];
            in[i].msg_hdr.msg_iov = &iov[i];
            in[i].msg_hdr.msg_iovlen = 1;
        }
        int n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++) {
            bool back = from[i].sin_port == callee.sin_port &&
                        from[i].sin_addr.s_addr == callee.sin_addr.s_addr;
            if (!back)
                caller = from[i];
            add(&out, back ? &caller : &callee, (struct iovec){bytes[i], in[i].msg_len},
                (struct iovec){0});
            if (!back)
                add_trying(&out, &caller, bytes[i], in[i].msg_len);
        }
        send_all(fd, &out);
    }
}
