/* Sends junk datagrams at a steady rate from several addresses of loopback:
 * flood HOST PORT PACKETS-A-SECOND SECONDS. Prints how many went. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOURCES = 16, BATCH = 50, FIRST_SOURCE = 0x7f060601 }; /* 127.6.6.1 and on */

static const char *const JUNK[] = {
    "OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP "
    "127.6.6.6:5060;branch=z9hG4bK-1;rport\r\n"
    "From: \"sipvicious\" <sip:100@1.1.1.1>;tag=1\r\nTo: <sip:100@1.1.1.1>\r\nCall-ID: 1\r\n"
    "CSeq: 1 OPTIONS\r\nUser-Agent: friendly-scanner\r\nMax-Forwards: 70\r\nContent-Length: "
    "0\r\n\r\n",
    "INVITE sip:9011442071234567@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP "
    "127.6.6.6;branch=z9hG4bKx\r\n"
    "From: <sip:a@127.6.6.6>;tag=1\r\nTo: <sip:b@127.0.0.1>\r\nCall-ID: 2\r\nCSeq: 1 INVITE\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
    "REGISTER sip:127.0.0.1 SIP/2.0\r\n\r\n",
    "\x01\x02\x03\x04 no SIP at all",
};

static int open_source(unsigned n, const struct sockaddr_in *to)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(FIRST_SOURCE + n)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        connect(fd, (const struct sockaddr *)to, sizeof *to) != 0) {
        perror("flood");
        exit(EXIT_FAILURE);
    }
    return fd;
}

static unsigned send_batch(int fd)
{
    struct mmsghdr headers[BATCH];
    struct iovec iov[BATCH];
    memset(headers, 0, sizeof headers);
    for (size_t i = 0; i < BATCH; i++) {
        const char *text = JUNK[i % (sizeof JUNK / sizeof *JUNK)];
        iov[i] = (struct iovec){(void *)text, strlen(text)};
        headers[i].msg_hdr.msg_iov = &iov[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    int sent = sendmmsg(fd, headers, BATCH, 0);
    return sent > 0 ? (unsigned)sent : 0;
}

/* Waits for the time of batch number n. */
static void wait_turn(const struct timespec *start, unsigned long n, unsigned long rate)
{
    unsigned long long ns = (unsigned long long)n * BATCH * 1000000000ULL / rate;
    struct timespec at = *start;
    at.tv_sec += (time_t)(ns / 1000000000ULL);
    at.tv_nsec += (long)(ns % 1000000000ULL);
    if (at.tv_nsec >= 1000000000L) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000L;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

int main(int argc, char **argv)
{
    int sources[SOURCES];
    unsigned long sent = 0;
    struct timespec start;
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        fprintf(stderr, "usage: flood HOST PORT PACKETS-A-SECOND SECONDS\n");
        return EXIT_FAILURE;
    }
    to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    unsigned long rate = strtoul(argv[3], NULL, 10), seconds = strtoul(argv[4], NULL, 10);
    for (unsigned i = 0; i < SOURCES; i++)
        sources[i] = open_source(i, &to);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned long n = 0; n < rate * seconds / BATCH; n++) {
        wait_turn(&start, n, rate);
        sent += send_batch(sources[n % SOURCES]);
    }
    printf("%lu\n", sent);
    return EXIT_SUCCESS;
}
