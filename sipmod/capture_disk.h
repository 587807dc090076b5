/* The pcap files of one instance: blocking, for a thread of their own. */
#ifndef TRUNKLINE_CAPTURE_DISK_H
#define TRUNKLINE_CAPTURE_DISK_H

#include "capture_ring.h"

enum { CAPTURE_DISK_NODE = 128 };

struct capture_disk {
    const char *dir;
    size_t file_max; /* bytes of a file */
    size_t files;    /* kept */
    int64_t keep_us; /* 0: no limit */
    char node[CAPTURE_DISK_NODE];
    struct pcap *pcap; /* NULL: no file is open */
    struct pcap_dumper *dumper;
    int64_t began_us;
    long size, safe; /* bytes of the file; those that are sure to be on disk as they should */
    char path[512];
    char error[512]; /* why the latest write failed */
};

/* Writes a message to the current file, or to a new one. False: error tells why. */
bool capture_disk_write(struct capture_disk *d, const struct capture_message *m);
/* Pushes all of it out to the kernel. False: the file was cut behind its last good message and
 * closed. */
bool capture_disk_flush(struct capture_disk *d);
void capture_disk_close(struct capture_disk *d);

#endif
