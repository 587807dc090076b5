#include "srv.h"

#include <arpa/nameser.h>
#include <limits.h>
#include <resolv.h>
#include <string.h>

#include "lot.h"

enum { FIXED = 6, SOA_MINIMUM = 4 }; /* bytes before the target; of the last number of an SOA */

static int64_t shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Before the first of a higher priority; without room the last one goes. */
static void insert(struct srv *list, size_t *n, const struct srv *one)
{
    size_t at = *n;
    while (at > 0 && list[at - 1].priority > one->priority)
        at--;
    if (at == SRV_MAX)
        return;
    if (*n < SRV_MAX)
        ++*n;
    memmove(&list[at + 1], &list[at], (*n - at - 1) * sizeof *list);
    list[at] = *one;
}

static bool read_record(const ns_msg *m, const ns_rr *rr, struct srv *ret)
{
    const unsigned char *data = ns_rr_rdata(*rr);
    if (ns_rr_rdlen(*rr) <= FIXED)
        return false;
    ret->priority = (uint16_t)ns_get16(data);
    ret->weight = (uint16_t)ns_get16(data + 2);
    ret->port = (uint16_t)ns_get16(data + 4);
    return dn_expand(ns_msg_base(*m), ns_msg_end(*m), data + FIXED, ret->target, SRV_TARGET) >= 0;
}

/* Records of the answer, and how long all that led to them may be kept. */
static int read_records(ns_msg *m, struct srv *list, size_t *ret_n, int64_t *ret_ttl)
{
    ns_rr rr;
    struct srv one;
    for (int i = 0; i < ns_msg_count(*m, ns_s_an); i++) {
        if (ns_parserr(m, ns_s_an, i, &rr) != 0)
            return ERR_INVALID;
        *ret_ttl = shorter(*ret_ttl, ns_rr_ttl(rr));
        if (ns_rr_type(rr) != ns_t_srv || ns_rr_class(rr) != ns_c_in)
            continue;
        if (!read_record(m, &rr, &one))
            return ERR_INVALID;
        insert(list, ret_n, &one);
    }
    return ERR_OK;
}

static int64_t negative_ttl(ns_msg *m)
{
    ns_rr rr;
    for (int i = 0; i < ns_msg_count(*m, ns_s_ns); i++) {
        if (ns_parserr(m, ns_s_ns, i, &rr) != 0)
            return -1;
        if (ns_rr_type(rr) == ns_t_soa && ns_rr_rdlen(rr) > SOA_MINIMUM)
            return shorter(ns_rr_ttl(rr),
                           (int64_t)ns_get32(ns_rr_rdata(rr) + ns_rr_rdlen(rr) - SOA_MINIMUM));
    }
    return -1;
}

int srv_read(const unsigned char *bytes, size_t n, struct srv ret[SRV_MAX], size_t *ret_n,
             int64_t *ret_ttl)
{
    ns_msg m;
    size_t count = 0;
    int64_t ttl = UINT32_MAX;
    if (n > INT_MAX || ns_initparse(bytes, (int)n, &m) != 0)
        return ERR_INVALID;
    int err = read_records(&m, ret, &count, &ttl);
    if (err != ERR_OK)
        return err;
    *ret_n = count;
    *ret_ttl = count > 0 ? ttl : negative_ttl(&m);
    return ERR_OK;
}

/* RFC 2782: a weight of 0 among others has a very small chance. */
void srv_order(struct srv *records, size_t n)
{
    enum { SCALE = 1024 };
    struct srv copy[SRV_MAX];
    struct lot lots[SRV_MAX];
    memcpy(copy, records, n * sizeof *records);
    for (size_t i = 0; i < n; i++)
        lots[i] = (struct lot){i, copy[i].priority, (int64_t)copy[i].weight * SCALE + 1};
    lot_order(lots, n);
    for (size_t i = 0; i < n; i++)
        records[i] = copy[lots[i].index];
}
