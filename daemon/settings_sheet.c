#include "settings_sheet.h"

#include <stdio.h>
#include <stdlib.h>

#include "keys.h"
#include "paper.h"
#include "reply.h"

enum { COLUMN_2 = 150, LEADING = 13, SPACE = 12 };

/* Element i of a list by comma; the only element stands for all. */
static struct span element(struct span list, size_t i)
{
    struct span rest = list, part = {0};
    if (!memchr(list.p, ',', list.n))
        return span_trim(list);
    for (size_t at = 0; span_cut(&rest, ',', &part) && at < i; at++)
        continue;
    return part;
}

/* Cuts "udp:" and the like off; what is left without one takes UDP and TCP. */
static const char *cut_transport(struct span *address)
{
    static const struct {
        struct span head;
        const char *text;
    } transports[] = {
        {{"udp:", 4}, "UDP"},
        {{"tcp:", 4}, "TCP"},
        {{"tls:", 4}, "TLS"},
    };
    for (size_t i = 0; i < sizeof(transports) / sizeof(*transports); i++) {
        size_t n = transports[i].head.n;
        if (span_starts_nocase(*address, transports[i].head)) {
            *address = (struct span){address->p + n, address->n - n};
            return transports[i].text;
        }
    }
    return "UDP or TCP";
}

/* Where we listen, as the world sees it: what is advertised goes before what is bound, but a port
 * that is not advertised is the one bound. */
static void describe_address(const struct conf *conf, struct span bound, size_t i, char *buf,
                             size_t cap)
{
    struct addr known, seen;
    char text[ADDR_PORT_TEXT] = "";
    const char *transport = cut_transport(&bound);
    struct span advertised = element(span_of(conf->sip.advertise), i);
    if (addr_parse_port(bound, 5060, &known) == ERR_OK)
        addr_port_text(&known, text);
    if (advertised.n && *text && addr_parse_port(advertised, addr_port(&known), &seen) == ERR_OK)
        addr_port_text(&seen, text);
    snprintf(buf, cap, "%s  (%s)", text, transport);
}

static double row(struct pdf *p, double y, const char *name, const char *value)
{
    pdf_font(p, PDF_REGULAR, 9.5);
    pdf_color(p, PAPER_MUTED);
    pdf_text(p, PAPER_LEFT, y, name);
    pdf_color(p, PAPER_INK);
    return pdf_text_wrap(p, PAPER_LEFT + COLUMN_2, y, PAPER_TEXT - COLUMN_2, LEADING, value) + 4;
}

static double write_addresses(struct pdf *p, const struct conf *conf, double y)
{
    char text[128];
    struct span rest = span_of(conf->sip.listen), part;
    for (size_t i = 0; span_cut(&rest, ',', &part); i++) {
        describe_address(conf, part, i, text, sizeof(text));
        pdf_font(p, PDF_REGULAR, 9.5);
        pdf_color(p, PAPER_MUTED);
        pdf_text(p, PAPER_LEFT, y, i == 0 ? "Send INVITE to" : "or to");
        pdf_font(p, PDF_BOLD, 11);
        pdf_color(p, PAPER_INK);
        pdf_text(p, PAPER_LEFT + COLUMN_2, y, text);
        y += 17;
    }
    return y;
}

/* A limit as it is in force, and what was asked for where that is more. */
static void granted(const char *limit, const char *asked, char *buf, size_t cap)
{
    bool less = *limit && strtoll(asked, NULL, 10) > strtoll(limit, NULL, 10);
    snprintf(buf, cap, less ? "%s (%s asked for, not granted yet)" : "%s",
             *limit ? limit : "no limit", asked);
}

/* The box with what everyone looks for first. */
static double write_trunk(struct pdf *p, double y, const char *account, const struct redisReply *a,
                          const struct table *t)
{
    char calls[64], rate[64];
    const double half = PAPER_TEXT / 2.0 - 14;
    const char *sessions = table_text(t, 0, "sessions"), *cps = table_text(t, 0, "cps");
    bool active = strcmp(table_text(t, 0, "status"), "1") == 0;
    granted(sessions, table_text(t, 0, "req_sessions"), calls, sizeof(calls));
    granted(cps, table_text(t, 0, "req_cps"), rate, sizeof(rate));
    pdf_color(p, PAPER_TINT);
    pdf_box(p, PAPER_LEFT, y - 4, PAPER_TEXT, 81);
    double x = PAPER_LEFT + 12, at = y + 14;
    at = paper_pair(p, x, at, PAPER_TEXT - 24, "Customer", reply_field(a, 1, "name"));
    double below = at;
    at = paper_pair(p, x, at, half, "Account", account);
    at = paper_pair(p, x, at, half, "Trunk", table_text(t, 0, "title"));
    paper_pair(p, x, at, half, "Trunk id", table_text(t, 0, "id"));
    x = PAPER_LEFT + PAPER_TEXT / 2.0 + 12;
    at = paper_pair(p, x, below, half, "Your address", table_text(t, 0, "address"));
    at = paper_pair(p, x, at, half, "Calls at once", calls);
    paper_pair(p, x, at, half, "Calls a second", rate);
    if (!active) {
        pdf_font(p, PDF_BOLD, 9);
        pdf_color(p, 0xb42318);
        pdf_text(p, PAPER_LEFT + 12, y + 93, "This trunk is disabled: calls are refused.");
    }
    return y + (active ? 103 : 117);
}

static double write_numbers(struct pdf *p, double y)
{
    y = paper_section(p, y + SPACE, "Numbers");
    y = row(p, y, "Called number",
            "E.164: +12065550100, 12065550100 or 2065550100 for the USA and Canada; the country "
            "code first for the rest of the world. No prefix is needed.");
    return row(p, y, "Calling number",
               "The same forms, in From and P-Asserted-Identity. Send numbers that you may use; "
               "mark privacy with a Privacy header (RFC 3323).");
}

static double write_media(struct pdf *p, double y)
{
    y = paper_section(p, y + SPACE, "Media");
    y = row(p, y, "Codecs",
            "Offer G.711 \xc2\xb5-law (PCMU) first, then G.711 A-law and G.729. RTP flows between "
            "you and the far carrier directly; the address is the one of the SDP answer.");
    y = row(p, y, "DTMF", "RFC 4733 telephone-event, payload type 101. No SIP INFO, no in-band.");
    return row(p, y, "Fax",
               "G.711 pass-through, or re-INVITE to T.38 where the far side takes it.");
}

static double write_signalling(struct pdf *p, const struct conf *conf, double y)
{
    char text[200];
    y = paper_section(p, y + SPACE, "Signalling");
    y = write_addresses(p, conf, y);
    y = row(p, y, "Authentication",
            "By your source address above: no registration, no password. Requests from any other "
            "address are not served.");
    y = row(p, y, "Session timers",
            "RFC 4028 is supported; a session interval of 1800 seconds is "
            "recommended.");
    snprintf(text, sizeof(text), "A call ends after %lld minutes, or when the balance is used up.",
             (long long)(conf->sip.longest_call_s / 60));
    y = row(p, y, "Longest call", text);
    snprintf(
        text, sizeof(text),
        "402 balance used up \xc2\xb7 403 not allowed \xc2\xb7 404 no route \xc2\xb7 %lld over "
        "your calls at once \xc2\xb7 503 with Retry-After: over your calls a second.",
        (long long)conf->sip.sessions_code);
    return row(p, y, "Refusals", text);
}

static void write_contact(struct pdf *p, const paper_company *c, double y)
{
    char text[4 * CONF_TEXT];
    if (!*c->email && !*c->phone && !*c->website)
        return;
    snprintf(text, sizeof(text), "%s%s%s%s%s", c->email, *c->email && *c->phone ? ", " : "",
             c->phone, (*c->email || *c->phone) && *c->website ? ", " : "", c->website);
    y = paper_section(p, y + SPACE, "Help");
    row(p, y, "Contact", text);
}

static int compose(const struct conf *conf, struct scratch *mem, const char *account,
                   const struct redisReply *a, const struct table *t, struct span *ret)
{
    struct pdf *p;
    char *data = NULL;
    size_t n = 0;
    int err = pdf_open(&p, "Trunk settings", conf->company.name, table_int(t, 0, "created", 0));
    if (err != ERR_OK)
        return err;
    double y = paper_head(p, &conf->company, "Trunk settings");
    y = write_trunk(p, y, account, a, t);
    y = write_signalling(p, conf, y);
    y = write_numbers(p, y);
    y = write_media(p, y);
    write_contact(p, &conf->company, y);
    paper_foot(p, &conf->company, "");
    err = pdf_save(p, &data, &n);
    char *copy = err == ERR_OK ? scratch_alloc(mem, n) : NULL;
    if (err == ERR_OK && !copy)
        err = ERR_NOMEM;
    if (err == ERR_OK) {
        memcpy(copy, data, n);
        *ret = (struct span){copy, n};
    }
    free(data);
    pdf_close(p);
    return err;
}

int settings_sheet(struct service *s, struct scratch *mem, const char *account, const char *tg,
                   struct span *ret)
{
    struct redisReply *a = NULL, *trunks = NULL;
    struct table t;
    struct key key = key_account(account);
    int err = redis_fcall_ro(service_redis(s), &a, "account_get", key.text, NULL);
    if (err == ERR_OK)
        err = redis_fcall_ro(service_redis(s), &trunks, "trunk_list", key.text, "out", tg, NULL);
    if (err == ERR_OK)
        err = table_open(trunks, 1, &t);
    if (err == ERR_OK)
        err = t.rows ? compose(service_conf(s), mem, account, a, &t, ret) : ERR_REFUSED;
    reply_free(trunks);
    reply_free(a);
    return err;
}
