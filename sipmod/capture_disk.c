#include "capture_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "packet.h"

enum {
    SNAPLEN = 262144,
    MODE = 0640,
    STAMP = 23, /* "YYYYMMDDTHHMMSS.uuuuuuZ" */
    NAMES = 65536,
};

static const int64_t HOUR_US = INT64_C(3600000000);

static bool fail(struct capture_disk *d, const char *what)
{
    snprintf(d->error, sizeof d->error, "%.*s: %s", (int)sizeof d->error / 2, what,
             strerror(errno));
    return false;
}

/* ---- names ---- */

static void stamp(int64_t at_us, char buf[STAMP + 1])
{
    time_t s = (time_t)(at_us / 1000000);
    unsigned us = (unsigned)(at_us % 1000000);
    struct tm tm;
    char seconds[16];
    gmtime_r(&s, &tm);
    strftime(seconds, sizeof seconds, "%Y%m%dT%H%M%S", &tm);
    snprintf(buf, STAMP + 1, "%s.%06uZ", seconds, us % 1000000U);
}

/* What comes behind the node's name, or NULL: not a file of ours. */
static const char *stamp_of(const struct capture_disk *d, const char *name)
{
    size_t n = strlen(d->node);
    bool ours = strncmp(name, d->node, n) == 0 && name[n] == '-' &&
                strlen(name) == n + 1 + STAMP + 5 && strcmp(name + n + 1 + STAMP, ".pcap") == 0 &&
                name[n + 1 + 8] == 'T' && name[n + STAMP] == 'Z';
    return ours ? name + n + 1 : NULL;
}

/* ---- old files ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list(const struct capture_disk *d, DIR *dir, char **names)
{
    size_t n = 0;
    const struct dirent *entry;
    while (n < NAMES && (entry = readdir(dir))) {
        char *name = stamp_of(d, entry->d_name) ? strdup(entry->d_name) : NULL;
        if (name)
            names[n++] = name;
    }
    qsort(names, n, sizeof *names, by_name);
    return n;
}

/* Removes the oldest, so that with one more there are as many as may be, and those too old. */
static void prune(const struct capture_disk *d, int64_t now_us)
{
    char oldest[STAMP + 1] = "";
    char **names = calloc(NAMES, sizeof *names);
    DIR *dir = opendir(d->dir);
    size_t n = dir && names ? list(d, dir, names) : 0;
    if (d->keep_us > 0)
        stamp(now_us - d->keep_us, oldest);
    for (size_t i = 0; i < n; i++) {
        if (n - i >= d->files || strcmp(stamp_of(d, names[i]), oldest) < 0)
            (void)unlinkat(dirfd(dir), names[i], 0);
        free(names[i]);
    }
    if (dir)
        closedir(dir);
    free(names);
}

/* ---- the current file ---- */

void capture_disk_close(struct capture_disk *d)
{
    if (d->dumper)
        pcap_dump_close(d->dumper);
    if (d->pcap)
        pcap_close(d->pcap);
    d->dumper = NULL;
    d->pcap = NULL;
}

static FILE *create(struct capture_disk *d, int64_t at_us)
{
    char when[STAMP + 1];
    stamp(at_us, when);
    snprintf(d->path, sizeof d->path, "%s/%s-%s.pcap", d->dir, d->node, when);
    int fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
    if (fd < 0)
        return NULL;
    FILE *file = fchmod(fd, MODE) == 0 ? fdopen(fd, "wb") : NULL;
    if (!file)
        close(fd);
    return file;
}

static bool open_file(struct capture_disk *d, int64_t at_us)
{
    prune(d, at_us);
    FILE *file = create(d, at_us);
    if (!file)
        return fail(d, d->path);
    d->pcap = pcap_open_dead(DLT_RAW, SNAPLEN);
    d->dumper = d->pcap ? pcap_dump_fopen(d->pcap, file) : NULL; /* closes it on failure */
    if (!d->dumper || fflush(file) != 0) {
        (void)fail(d, d->path);
        capture_disk_close(d);
        (void)unlink(d->path);
        return false;
    }
    d->began_us = at_us;
    d->size = d->safe = pcap_dump_ftell(d->dumper);
    return true;
}

struct dump {
    struct capture_disk *disk;
    int64_t at_us;
};

static bool put_packet(void *arg, struct span packet)
{
    const struct dump *w = arg;
    struct pcap_pkthdr head = {
        .ts = {w->at_us / 1000000, w->at_us % 1000000},
        .caplen = (bpf_u_int32)packet.n,
        .len = (bpf_u_int32)packet.n
    };
    pcap_dump((unsigned char *)w->disk->dumper, &head, (const unsigned char *)packet.p);
    w->disk->size += 16 + (long)packet.n;
    return true;
}

bool capture_disk_write(struct capture_disk *d, const struct capture_message *m)
{
    const struct transport_message *w = &m->wire;
    struct dump dump = {d, m->at_us};
    struct packet_way way = {.from = w->out ? w->local : w->remote,
                             .to = w->out ? w->remote : w->local,
                             .stream = w->protocol != PROTOCOL_UDP,
                             .seq = w->seq,
                             .ack = w->ack};
    bool old = d->keep_us > 0 && m->at_us - d->began_us >= HOUR_US;
    if (d->dumper && (old || (size_t)d->size + w->bytes.n > d->file_max)) {
        if (!capture_disk_flush(d))
            return false;
        capture_disk_close(d);
    }
    if (!d->dumper && !open_file(d, m->at_us))
        return false;
    (void)packet_each(&way, w->bytes, put_packet, &dump); /* what no packet can hold is left out */
    return true;
}

bool capture_disk_flush(struct capture_disk *d)
{
    if (!d->dumper)
        return true;
    if (pcap_dump_flush(d->dumper) == 0 && !ferror(pcap_dump_file(d->dumper))) {
        d->safe = d->size;
        return true;
    }
    (void)fail(d, d->path);
    long safe = d->safe;
    capture_disk_close(d);
    if (truncate(d->path, safe) != 0)
        (void)unlink(d->path);
    return false;
}
