#include "ctl_pcap.h"

#include <stdlib.h>

#include "packet.h"

enum { SNAPLEN = 262144 };

/* One way of a connection. */
struct way {
    struct addr from, to;
    uint32_t bytes;
};

struct file {
    FILE *out;
    int64_t at_us;
    struct way *ways;
    size_t n;
};

static bool put_u32(FILE *out, uint32_t v)
{
    return fwrite(&v, sizeof v, 1, out) == 1;
}

static bool put_head(FILE *out)
{
    static const uint16_t VERSION[] = {2, 4};
    return put_u32(out, 0xa1b2c3d4) && fwrite(VERSION, sizeof VERSION, 1, out) == 1 &&
           put_u32(out, 0) && put_u32(out, 0) && put_u32(out, SNAPLEN) &&
           put_u32(out, PACKET_LINKTYPE_RAW);
}

static bool put_packet(void *arg, struct span packet)
{
    struct file *f = arg;
    uint32_t n = (uint32_t)packet.n;
    return put_u32(f->out, (uint32_t)(f->at_us / 1000000)) &&
           put_u32(f->out, (uint32_t)(f->at_us % 1000000)) && put_u32(f->out, n) &&
           put_u32(f->out, n) && fwrite(packet.p, packet.n, 1, f->out) == 1;
}

static struct way *way_of(struct file *f, const struct addr *from, const struct addr *to)
{
    for (size_t i = 0; i < f->n; i++) {
        if (addr_eq(&f->ways[i].from, from) && addr_eq(&f->ways[i].to, to))
            return &f->ways[i];
    }
    f->ways = ctl_grow(f->ways, (f->n + 1) * sizeof *f->ways);
    f->ways[f->n] = (struct way){*from, *to, 0};
    return &f->ways[f->n++];
}

/* A message that no datagram can carry is left out. */
static bool put_message(struct file *f, const struct ctl_packet *p)
{
    struct packet_way way = {
        .from = &p->from, .to = &p->to, .stream = strcmp(p->proto, "udp") != 0};
    f->at_us = p->at_us;
    if (way.stream) {
        way.ack = way_of(f, &p->to, &p->from)->bytes;
        struct way *mine = way_of(f, &p->from, &p->to);
        way.seq = mine->bytes;
        mine->bytes += (uint32_t)p->data.n;
    }
    return packet_each(&way, p->data, put_packet, f) || !ferror(f->out);
}

bool ctl_pcap_write(FILE *out, const struct ctl_packets *packets)
{
    struct file f = {.out = out};
    bool good = put_head(out);
    for (size_t i = 0; good && i < packets->n; i++)
        good = put_message(&f, &packets->v[i]);
    free(f.ways);
    return good;
}
