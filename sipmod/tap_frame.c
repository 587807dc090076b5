#include "tap_frame.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "tap_frag.h"

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    TYPE_SERVICE_VLAN = 0x88a8,
    TYPE_OLD_VLAN = 0x9100,
    VLAN_TAGS = 4,
    IPV4_MORE = 0x2000,
    IPV4_OFFSET = 0x1fff,
    EXTENSIONS = 8, /* of one IPv6 packet */
};

/* IPv6 next headers that may stand before UDP and TCP (RFC 8200 §4). */
enum {
    NEXT_HOPS = 0,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_OPTIONS = 60,
    NEXT_MOBILITY = 135
};

struct tap_frames {
    struct tap_frags *frags;
};

/* A packet on its way up. */
struct reading {
    struct tap_frames *frames;
    int64_t at_us;
    bool cut; /* bytes at the end are missing */
    struct tap_frag_key key;
    struct tap_packet *ret;
};

int tap_frames_new(struct tap_frames **ret)
{
    struct tap_frames *f = calloc(1, sizeof *f);
    int err = f ? tap_frags_new(&f->frags) : ERR_NOMEM;
    if (err != ERR_OK)
        free(f);
    else
        *ret = f;
    return err;
}

void tap_frames_free(struct tap_frames *f)
{
    if (!f)
        return;
    tap_frags_free(f->frags);
    free(f);
}

static const unsigned char *bytes_of(struct span s)
{
    return (const unsigned char *)s.p;
}

static unsigned u8(struct span s, size_t at)
{
    return bytes_of(s)[at];
}

static unsigned u16(struct span s, size_t at)
{
    return u8(s, at) << 8 | u8(s, at + 1);
}

static uint32_t u32(struct span s, size_t at)
{
    return (uint32_t)u16(s, at) << 16 | u16(s, at + 2);
}

static struct span behind(struct span s, size_t n)
{
    return (struct span){s.p + n, s.n - n};
}

/* What is too short: of a frame that was captured whole it is wrong. */
static enum tap_found too_short(const struct reading *r)
{
    return r->cut ? TAP_FOUND_CUT : TAP_FOUND_MALFORMED;
}

/* ---- transport ---- */

static void set_addresses(const struct reading *r, uint16_t from_port, uint16_t to_port)
{
    struct addr *ends[] = {&r->ret->from, &r->ret->to};
    const unsigned char *addresses[] = {r->key.from, r->key.to};
    const uint16_t ports[] = {from_port, to_port};
    for (int i = 0; i < 2; i++) {
        *ends[i] = (struct addr){0};
        if (r->key.version == 4) {
            ends[i]->v4.sin_family = AF_INET;
            ends[i]->v4.sin_port = htons(ports[i]);
            memcpy(&ends[i]->v4.sin_addr, addresses[i], 4);
        } else {
            ends[i]->v6.sin6_family = AF_INET6;
            ends[i]->v6.sin6_port = htons(ports[i]);
            memcpy(&ends[i]->v6.sin6_addr, addresses[i], 16);
        }
    }
}

static enum tap_found read_udp(const struct reading *r, struct span s)
{
    enum { HEAD = 8 };
    if (s.n < HEAD)
        return too_short(r);
    size_t n = u16(s, 4);
    if (n < HEAD || (n > s.n && !r->cut))
        return TAP_FOUND_MALFORMED;
    if (n > s.n)
        return TAP_FOUND_CUT;
    r->ret->tcp = false;
    r->ret->payload = (struct span){s.p + HEAD, n - HEAD};
    set_addresses(r, (uint16_t)u16(s, 0), (uint16_t)u16(s, 2));
    return TAP_FOUND_PACKET;
}

static enum tap_found read_tcp(const struct reading *r, struct span s)
{
    enum { HEAD = 20, FIN = 1, SYN = 2, RST = 4 };
    if (s.n < HEAD)
        return too_short(r);
    size_t head = (u8(s, 12) >> 4) * 4UL;
    if (head < HEAD || (head > s.n && !r->cut))
        return TAP_FOUND_MALFORMED;
    if (r->cut)
        return TAP_FOUND_CUT;
    unsigned flags = u8(s, 13);
    r->ret->tcp = true;
    r->ret->seq = u32(s, 4);
    r->ret->fin = flags & FIN;
    r->ret->syn = flags & SYN;
    r->ret->rst = flags & RST;
    r->ret->payload = behind(s, head);
    set_addresses(r, (uint16_t)u16(s, 0), (uint16_t)u16(s, 2));
    return TAP_FOUND_PACKET;
}

static enum tap_found read_transport(const struct reading *r, unsigned protocol, struct span s)
{
    switch (protocol) {
    case IPPROTO_UDP:
        return read_udp(r, s);
    case IPPROTO_TCP:
        return read_tcp(r, s);
    default:
        return TAP_FOUND_OTHER;
    }
}

/* ---- IP ---- */

/* *s is one fragment, and when the packet is whole its payload. */
static enum tap_found add_fragment(const struct reading *r, size_t offset, bool last,
                                   struct span *s)
{
    if (r->cut)
        return TAP_FOUND_CUT;
    switch (tap_frag_add(r->frames->frags, &r->key, r->at_us, offset, last, *s, s)) {
    case TAP_FRAG_WHOLE:
        return TAP_FOUND_PACKET;
    case TAP_FRAG_MORE:
        return TAP_FOUND_FRAGMENT;
    default:
        return TAP_FOUND_REFUSED;
    }
}

static enum tap_found read_ipv4(struct reading *r, struct span s)
{
    enum { HEAD = 20 };
    if (s.n < HEAD)
        return too_short(r);
    size_t head = (u8(s, 0) & 15) * 4UL, total = u16(s, 2);
    if (total == 0) /* the card cuts it into segments later */
        total = s.n;
    if (head < HEAD || total < head || (total > s.n && !r->cut))
        return TAP_FOUND_MALFORMED;
    r->cut = total > s.n;
    if (head > s.n)
        return TAP_FOUND_CUT;
    s.n = r->cut ? s.n : total; /* without the padding of a short frame */
    unsigned fragment = u16(s, 6), protocol = u8(s, 9);
    r->key.version = 4;
    r->key.protocol = (uint8_t)protocol;
    r->key.id = u16(s, 4);
    memcpy(r->key.from, s.p + 12, 4);
    memcpy(r->key.to, s.p + 16, 4);
    struct span payload = behind(s, head);
    if (fragment & (IPV4_MORE | IPV4_OFFSET)) {
        enum tap_found found =
            add_fragment(r, (fragment & IPV4_OFFSET) * 8UL, (fragment & IPV4_MORE) == 0, &payload);
        if (found != TAP_FOUND_PACKET)
            return found;
    }
    return read_transport(r, protocol, payload);
}

static bool is_extension(unsigned next)
{
    return next == NEXT_HOPS || next == NEXT_ROUTING || next == NEXT_OPTIONS ||
           next == NEXT_MOBILITY || next == NEXT_FRAGMENT;
}

/* A fragment header: *s and *next go on behind it when the packet is whole. */
static enum tap_found read_fragment(struct reading *r, unsigned *next, struct span *s)
{
    unsigned fragment = u16(*s, 2);
    r->key.id = u32(*s, 4);
    *next = u8(*s, 0);
    *s = behind(*s, 8);
    if ((fragment & 0xfff9) == 0)
        return TAP_FOUND_PACKET; /* the only one (RFC 6946) */
    return add_fragment(r, fragment & 0xfff8, (fragment & 1) == 0, s);
}

static enum tap_found read_ipv6(struct reading *r, struct span s)
{
    enum { HEAD = 40 };
    if (s.n < HEAD)
        return too_short(r);
    size_t n = u16(s, 4);
    unsigned next = u8(s, 6);
    if (n == 0) /* a segment that the card cuts later */
        n = s.n - HEAD;
    if (n > s.n - HEAD && !r->cut)
        return TAP_FOUND_MALFORMED;
    r->cut = n > s.n - HEAD;
    r->key.version = 6;
    memcpy(r->key.from, s.p + 8, 16);
    memcpy(r->key.to, s.p + 24, 16);
    s = (struct span){s.p + HEAD, r->cut ? s.n - HEAD : n};
    for (int i = 0; is_extension(next); i++) {
        if (i == EXTENSIONS || s.n < 8)
            return i == EXTENSIONS ? TAP_FOUND_MALFORMED : too_short(r);
        if (next == NEXT_FRAGMENT) {
            enum tap_found found = read_fragment(r, &next, &s);
            if (found != TAP_FOUND_PACKET)
                return found;
            continue;
        }
        size_t length = (u8(s, 1) + 1) * 8UL;
        if (length > s.n)
            return too_short(r);
        next = u8(s, 0);
        s = behind(s, length);
    }
    r->key.protocol = (uint8_t)next;
    return read_transport(r, next, s);
}

static enum tap_found read_ip(struct reading *r, struct span s)
{
    if (s.n == 0)
        return too_short(r);
    switch (u8(s, 0) >> 4) {
    case 4:
        return read_ipv4(r, s);
    case 6:
        return read_ipv6(r, s);
    default:
        return TAP_FOUND_MALFORMED;
    }
}

/* ---- link ---- */

static bool is_tag(unsigned type)
{
    return type == TYPE_VLAN || type == TYPE_SERVICE_VLAN || type == TYPE_OLD_VLAN;
}

/* What follows an Ethernet type, tags first. */
static enum tap_found read_type(struct reading *r, unsigned type, struct span s)
{
    for (int i = 0; is_tag(type); i++) {
        if (i == VLAN_TAGS)
            return TAP_FOUND_MALFORMED;
        if (s.n < 4)
            return too_short(r);
        type = u16(s, 2);
        s = behind(s, 4);
    }
    return type == TYPE_IPV4 || type == TYPE_IPV6 ? read_ip(r, s) : TAP_FOUND_OTHER;
}

/* Bytes of each link's header, and where the Ethernet type is in it. */
static const struct {
    size_t head, type;
} LINKS[TAP_LINKS] = {
    [TAP_LINK_ETHERNET] = {14, 12},
      [TAP_LINK_COOKED] = {16, 14},
      [TAP_LINK_COOKED2] = {20, 0 },
    [TAP_LINK_RAW] = {0,  0 },
      [TAP_LINK_FAMILY] = {4,  0 },
};

enum tap_found tap_frame_read(struct tap_frames *f, const struct tap_frame *frame,
                              struct tap_packet *ret)
{
    struct reading r = {
        .frames = f, .at_us = frame->at_us, .cut = frame->bytes.n < frame->on_wire, .ret = ret};
    size_t head = LINKS[frame->link].head;
    *ret = (struct tap_packet){.at_us = frame->at_us};
    if (frame->at_us < 0)
        return TAP_FOUND_MALFORMED;
    if (frame->bytes.n < head)
        return too_short(&r);
    struct span s = behind(frame->bytes, head);
    /* The family's number and byte order differ between systems: the IP header tells the version.
     */
    if (frame->link == TAP_LINK_RAW || frame->link == TAP_LINK_FAMILY)
        return read_ip(&r, s);
    return read_type(&r, u16(frame->bytes, LINKS[frame->link].type), s);
}
