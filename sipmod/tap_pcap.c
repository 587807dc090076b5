#include "tap_pcap.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <unistd.h>

#include "num.h"
#include "out.h"

enum { SNAPLEN = 262144, FILTER_MAX = 4096 };

static const int64_t SECONDS_MAX = INT64_C(100000000000);

struct tap_pcap {
    pcap_t *pcap;
    bool live;
    enum tap_link link;
};

static const struct {
    int type;
    enum tap_link link;
} LINKS[] = {
    {DLT_EN10MB,     TAP_LINK_ETHERNET},
    {DLT_LINUX_SLL,  TAP_LINK_COOKED  },
    {DLT_LINUX_SLL2, TAP_LINK_COOKED2 },
    {DLT_RAW,        TAP_LINK_RAW     },
    {DLT_IPV4,       TAP_LINK_RAW     },
    {DLT_IPV6,       TAP_LINK_RAW     },
    {DLT_NULL,       TAP_LINK_FAMILY  },
    {DLT_LOOP,       TAP_LINK_FAMILY  },
};

static int fail(char error[TAP_PCAP_ERROR], const char *name, const char *what)
{
    snprintf(error, TAP_PCAP_ERROR, "%s: %s", name, what);
    return ERR_SYSTEM;
}

/* ---- filter ---- */

/* Packets of these ports, and fragments behind the first, which have none. */
static int write_ports(struct out *o, const char *ports)
{
    struct span rest = span_of(ports), part;
    int64_t port;
    out_text(o, "ip[6:2] & 0x1fff != 0 or ip6 proto 44");
    while (span_cut(&rest, ',', &part)) {
        if (num_parse(part, 1, 65535, &port) != ERR_OK)
            return ERR_INVALID;
        out_format(o, " or port %d", (int)port);
    }
    return ERR_OK;
}

/* The same behind one tag and behind two: after `vlan` pcap-filter counts bytes behind the tag. */
static int write_filter(struct out *o, const char *ports, int tags)
{
    int err = write_ports(o, ports);
    for (int i = 0; i < tags && err == ERR_OK; i++) {
        out_text(o, " or (vlan and (");
        err = write_ports(o, ports);
    }
    for (int i = 0; i < tags; i++)
        out_text(o, "))");
    out_span(o, (struct span){"", 1});
    return err;
}

static bool apply(struct tap_pcap *p, const char *filter)
{
    struct bpf_program program;
    if (pcap_compile(p->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return false;
    bool set = pcap_setfilter(p->pcap, &program) == 0;
    pcap_freecode(&program);
    return set;
}

/* Not every link knows tags. */
static int set_filter(struct tap_pcap *p, const char *name, const struct conf *conf,
                      char error[TAP_PCAP_ERROR])
{
    char text[FILTER_MAX];
    bool set = conf->tap.filter[0] && apply(p, conf->tap.filter);
    for (int tags = 2; !conf->tap.filter[0] && !set && tags >= 0; tags -= 2) {
        struct out o = OUT_IN(text);
        if (write_filter(&o, conf->tap.ports, tags) != ERR_OK || o.full)
            return fail(error, "tap.ports", "not a list of ports");
        set = apply(p, text);
    }
    return set                   ? ERR_OK
           : conf->tap.filter[0] ? fail(error, "tap.filter", pcap_geterr(p->pcap))
                                 : fail(error, name, pcap_geterr(p->pcap));
}

/* ---- opening ---- */

static int open_live(struct tap_pcap *p, const char *name, const struct conf *conf,
                     char error[TAP_PCAP_ERROR])
{
    char text[PCAP_ERRBUF_SIZE] = "";
    p->live = true;
    p->pcap = pcap_create(name, text);
    if (!p->pcap)
        return fail(error, name, text);
    pcap_set_snaplen(p->pcap, SNAPLEN);
    pcap_set_promisc(p->pcap, 1);
    pcap_set_immediate_mode(p->pcap, 1);
    pcap_set_buffer_size(p->pcap, (int)conf->tap.buffer_mib << 20);
    int code = pcap_activate(p->pcap);
    if (code < 0) {
        const char *why = pcap_geterr(p->pcap);
        return fail(error, name, *why ? why : pcap_statustostr(code));
    }
    if (pcap_setnonblock(p->pcap, 1, text) != 0)
        return fail(error, name, text);
    return ERR_OK;
}

static int open_file(struct tap_pcap *p, const char *name, char error[TAP_PCAP_ERROR])
{
    char text[PCAP_ERRBUF_SIZE] = "";
    p->pcap = pcap_open_offline(name, text);
    return p->pcap ? ERR_OK : fail(error, name, text);
}

static int find_link(struct tap_pcap *p, const char *name, char error[TAP_PCAP_ERROR])
{
    int type = pcap_datalink(p->pcap);
    for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++) {
        if (LINKS[i].type == type) {
            p->link = LINKS[i].link;
            return ERR_OK;
        }
    }
    const char *known = pcap_datalink_val_to_name(type);
    char text[96];
    snprintf(text, sizeof text, "frames of link type %s (%d) can't be read", known ? known : "?",
             type);
    return fail(error, name, text);
}

int tap_pcap_open(struct tap_pcap **ret, const char *name, const struct conf *conf,
                  char error[TAP_PCAP_ERROR])
{
    bool file = strcmp(name, "-") == 0 || strchr(name, '/') || access(name, F_OK) == 0;
    struct tap_pcap *p = calloc(1, sizeof *p);
    if (!p) {
        (void)fail(error, name, err_text(ERR_NOMEM));
        return ERR_NOMEM;
    }
    int err = file ? open_file(p, name, error) : open_live(p, name, conf, error);
    if (err == ERR_OK)
        err = find_link(p, name, error);
    if (err == ERR_OK)
        err = set_filter(p, name, conf, error);
    if (err != ERR_OK)
        tap_pcap_close(p);
    else
        *ret = p;
    return err;
}

void tap_pcap_close(struct tap_pcap *p)
{
    if (!p)
        return;
    if (p->pcap)
        pcap_close(p->pcap);
    free(p);
}

/* ---- reading ---- */

/* A capture file may tell any time. */
static int64_t time_of(const struct pcap_pkthdr *head)
{
    int64_t seconds = head->ts.tv_sec, us = head->ts.tv_usec;
    bool right = seconds >= 0 && seconds < SECONDS_MAX && us >= 0 && us < 1000000;
    return right ? seconds * 1000000 + us : -1;
}

bool tap_pcap_is_live(const struct tap_pcap *p)
{
    return p->live;
}

int tap_pcap_fd(const struct tap_pcap *p)
{
    return pcap_get_selectable_fd(p->pcap);
}

int tap_pcap_next(struct tap_pcap *p, struct tap_frame *ret)
{
    struct pcap_pkthdr *head;
    const unsigned char *bytes;
    switch (pcap_next_ex(p->pcap, &head, &bytes)) {
    case 1:
        *ret = (struct tap_frame){
            .at_us = time_of(head),
            .link = p->link,
            .bytes = {(const char *)bytes, head->caplen},
            .on_wire = head->len,
        };
        return ERR_OK;
    case 0:
    case PCAP_ERROR_BREAK:
        return ERR_NOT_FOUND;
    default:
        return ERR_SYSTEM;
    }
}

const char *tap_pcap_error(struct tap_pcap *p)
{
    return pcap_geterr(p->pcap);
}

int64_t tap_pcap_dropped(struct tap_pcap *p)
{
    struct pcap_stat stat;
    if (!p->live || pcap_stats(p->pcap, &stat) != 0)
        return 0;
    return (int64_t)stat.ps_drop + stat.ps_ifdrop;
}
